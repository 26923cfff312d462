import type { Statement } from "./statement.ts";

export const DOCUMENT_CASES: readonly Statement[] = [
  {
    source: "rules.firestore.Resource",
    says: "the fields of the document are under data, its id is the last segment of its name",
    true: [
      "resource.data.name == 'Ada'",
      "resource['data']['name'] == 'Ada'",
      "resource.id == 'd'",
      "resource.data.nested.inner.deep == 1",
      "resource.data.nested.list == [1, 2]",
      "resource.data['none'] == null",
      "resource.data.size() > 5",
      "resource != null",
    ],
    false: ["resource.data.name == 'Eve'", "resource == null"],
  },
  {
    source: "emulator 2025",
    says: "reading a field that is missing is an error, not null",
    error: [
      "resource.data.missing",
      "resource.data.missing == null",
      "resource.data.missing != null",
      "resource.data['missing'] == null",
      "resource.data.nested.missing.deep == 1",
      "resource.data.none.x == 1",
      "resource.data.age.foo == 1",
      "resource.data.tags.foo == 1",
      "resource.data.get('missing', {}).x == 1",
    ],
  },
  {
    source: "emulator 2025",
    says: "request.resource is absent on a get: comparing it with null either way is an error",
    error: [
      "request.resource == null",
      "request.resource != null",
      "request.resource.data.name == 'Ada'",
    ],
  },
  {
    source: "rules.firestore.Request#method",
    says: "get, list, create, update or delete",
    true: ["request.method == 'get'", "request.method in ['get', 'list']"],
    false: ["request.method == 'list'"],
  },
  {
    source: "rules.firestore.Request#query",
    says: "present for queries only",
    error: ["request.query == null", "request.query.limit <= 10"],
  },
  {
    source: "rules.firestore.Request#time",
    says: "when the request was received",
    true: ["request.time == timestamp.value(1767225600123)"],
  },
  {
    source: "rules.firestore.exists",
    says: "whether there is a document at the path",
    true: [
      "exists(/databases/$(database)/documents/other/x)",
      "!exists(/databases/$(database)/documents/other/y)",
      "exists(resource.__name__)",
      "exists(path('databases/(default)/documents/other/x'))",
      "exists(/databases/$(database)/documents/other/$('x'))",
    ],
    false: [
      "exists(/databases/$(database)/documents/other/y)",
      "exists(/databases/elsewhere/documents/other/x)",
    ],
  },
  {
    source: "rules.firestore.get",
    says: "the resource at the path, with data, id and name",
    true: [
      "get(/databases/$(database)/documents/other/x).data.n == 1",
      "get(/databases/$(database)/documents/other/x).id == 'x'",
      "get(/databases/$(database)/documents/other/x).__name__[4] == 'x'",
      "get(resource.__name__).data == resource.data",
      "get(resource.__name__) == resource",
    ],
  },
  {
    source: "emulator 2025",
    says: "get() of a document that is missing is an error",
    error: [
      "get(/databases/$(database)/documents/other/y) == null",
      "get(/databases/$(database)/documents/other/y) != null",
      "get(/databases/$(database)/documents/other/y).data.n == 1",
      "getAfter(/databases/$(database)/documents/other/y) == null",
    ],
  },
  {
    source: "rules.firestore.getAfter, .existsAfter",
    says: "the same as the commit would leave it; nothing changes in a get",
    true: [
      "getAfter(/databases/$(database)/documents/other/x).data.n == 1",
      "existsAfter(/databases/$(database)/documents/other/x)",
      "!existsAfter(/databases/$(database)/documents/other/y)",
    ],
  },
  {
    source: "conditions: access other documents",
    says: "the argument is the whole path of a document, from its database on",
    error: [
      "exists(/other/x)",
      "exists('other/x')",
      "exists(/databases/$(database)/documents/other)",
      "get(/databases/$(database)/documents/other) == null",
      "exists(/databases/$(database)/documents)",
      "exists(/projects/p/databases/$(database)/documents/other/x)",
      "exists(null)",
      "exists(resource)",
      "exists(/databases/$(database)/documents/other/$('x/y/z'))",
      "exists(/databases/$(database)/documents/other/$(''))",
      "exists(/databases/$(database)/documents/other/$(1))",
      "exists(/databases/$(database)/documents/other/$(resource.data.missing))",
    ],
  },
];
