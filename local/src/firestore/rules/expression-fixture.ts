/** Evaluates one expression against a document and a caller, for tests. */
import type { StoredDocument } from "../document.ts";
import { compileRules, type MeasuredVerdict } from "./compile.ts";
import { encode } from "./rules-world.ts";

const ROOT = "projects/p/databases/(default)/documents";

/** The document behind `resource.data`. */
const DATA = {
  name: "Ada",
  age: 36,
  big: 9_007_199_254_740_993n,
  height: 1.75,
  whole: 2.5,
  ok: true,
  none: null,
  tags: ["a", "b"],
  twice: ["a", "a"],
  nested: { inner: { deep: 1 }, list: [1, 2] },
  born: new Date("1815-12-10T08:09:10.123Z"),
  empty: {},
};

/** Fields of types that have no counterpart among JavaScript's values. */
const SPECIAL: StoredDocument["fields"] = {
  raw: { bytesValue: "AQI=" },
  place: { geoPointValue: { latitude: 48.5, longitude: 9.05 } },
  friend: { referenceValue: `${ROOT}/other/x` },
};

function stored(path: string, fields: object, special = {}): StoredDocument {
  const encoded = Object.entries(fields).map(([key, value]) => [key, encode(value)]);
  return {
    name: `${ROOT}/${path}`,
    fields: { ...(Object.fromEntries(encoded) as StoredDocument["fields"]), ...special },
    createTime: "2026-01-01T00:00:00.000000Z",
    updateTime: "2026-01-01T00:00:00.000000Z",
  };
}

const DOCUMENTS = new Map(
  [stored("docs/d", DATA, SPECIAL), stored("other/x", { n: 1 })].map((one) => [one.name, one]),
);

const TOKEN = {
  email: "ada@example.com",
  level: 3,
  share: 0.5,
  roles: ["dev"],
  firebase: { sign_in_provider: "custom", identities: { "google.com": ["42"] } },
};

/** A rules file whose only condition, on line 4, is the expression. */
export function rulesFor(expression: string, functions = ""): string {
  return `rules_version = '2';
service cloud.firestore {
  match /databases/{database}/documents {
    match /docs/{id} { allow get: if ${expression}; }
    ${functions}
  }
}`;
}

export function evaluateExpression(expression: string, functions = ""): MeasuredVerdict {
  return evaluated(DOCUMENTS.get(`${ROOT}/docs/d`) ?? null, expression, functions);
}

/** The same with other fields in `resource.data`. */
export function evaluateWith(data: object, expression: string, functions = ""): MeasuredVerdict {
  return evaluated(stored("docs/d", data), expression, functions);
}

function evaluated(
  before: StoredDocument | null,
  expression: string,
  functions: string,
): MeasuredVerdict {
  return compileRules(rulesFor(expression, functions)).check({
    method: "get",
    name: `${ROOT}/docs/d`,
    auth: { uid: "ada", token: TOKEN },
    timeMicros: 1_767_225_600_123_000n,
    before,
    after: null,
    read: (name) => DOCUMENTS.get(name) ?? null,
    readAfter: (name) => DOCUMENTS.get(name) ?? null,
  });
}
