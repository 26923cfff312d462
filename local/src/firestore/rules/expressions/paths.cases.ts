import type { Statement } from "./statement.ts";

export const PATH_CASES: readonly Statement[] = [
  {
    source: "rules.Path",
    says: "a path is written out, with $(...) for computed segments, or made of a text; x == y compares paths",
    true: [
      "/a/b == path('a/b')",
      "/a/b == /a/b",
      "path('/a/b') == /a/b",
      "/a/$('b') == /a/b",
      "/a/$(id) == /a/d",
      "/a/$(id + 'x')/c == /a/dx/c",
      "/a != /b",
      "/a-b/c1 == path('a-b/c1')",
    ],
    false: ["/a/b == /a", "/a/b == /a/c"],
  },
  {
    source: "rules.Path",
    says: "x[i] is the segment at i",
    true: ["(/a/b)[1] == 'b'", "resource.__name__[3] == 'docs'", "request.path[4] == 'd'"],
    error: [
      "(/a/b)[2] == 'c'",
      "(/a/b)[-1] == 'b'",
      "(/a/b)['a'] == 'b'",
      "(/a/b)[0:1] == /a",
      "(/a/b).size() == 2",
    ],
  },
  {
    source: "emulator 2025",
    says: "(default) can stand in a path, and string() begins with a slash",
    true: [
      "/databases/(default)/documents/docs/d == resource.__name__",
      "string(/a/b) == '/a/b'",
      "string(resource.__name__) == '/databases/(default)/documents/docs/d'",
    ],
  },
  {
    source: "rules.firestore.Resource#__name__, Request#path",
    says: "the name of the document is a path that begins with its database, and so is the path of the request",
    true: [
      "/databases/$(database)/documents/docs/$(resource.id) == resource.__name__",
      "request.path == resource.__name__",
      "resource['__name__'] == request.path",
      "resource.data.friend == /databases/(default)/documents/other/x",
    ],
  },
  {
    source: "undocumented",
    says: "what a segment is that is empty, holds a slash, or is no text",
    error: [
      "path('a//b') == /a/b",
      "path('') == /a",
      "path('a/') == /a",
      "path(1) == /a",
      "/a/$('') == /a",
      "/a/$('b/c') == /a/b/c",
      "/a/$(1) == path('a/1')",
      "/a/$(null) == /a",
    ],
  },
  {
    source: "structure: wildcards",
    says: "a wildcard is the text of one segment, with its name",
    true: [
      "id == 'd'",
      "database == '(default)'",
      "id is string",
      "id.size() == 1",
      "resource.id == id",
    ],
    false: ["id == 'e'"],
  },
];
