/** Documents of every kind of value, to ask rules and queries about, for tests. */
import type { FieldValue, StoredDocument } from "../document.ts";
import type { Query } from "../query/query.ts";
import { DocumentIndex } from "../store/document-view.ts";
import { normalizeValue } from "../values/normalize-value.ts";
import { compileRules, type CompiledRules } from "./compile.ts";
import type { RulesRequest } from "./rules.ts";

export const ROOT = "projects/p/databases/(default)/documents";

/** Few values of many types, close to each other, so that filters, documents and rules often meet. */
export const SCALARS: readonly FieldValue[] = [
  { nullValue: null },
  { booleanValue: true },
  { booleanValue: false },
  ...["-1", "0", "1", "2", "9007199254740993"].map((integerValue) => ({ integerValue })),
  ...[-0, 1, 1.5, 2, 9_007_199_254_740_992, "NaN", "Infinity"].map((doubleValue) => ({
    doubleValue,
  })),
  ...["", "a", "b", "ab", "\uFF5E", "\u{1F600}"].map((stringValue) => ({ stringValue })),
  { timestampValue: "2026-01-01T00:00:00Z" },
  { timestampValue: "2026-01-02T00:00:00Z" },
  { referenceValue: `${ROOT}/docs/a` },
  // Stored and compared as the microsecond it lies in.
  { timestampValue: "2026-01-02T00:00:00.000000500Z" },
];
const listOf = (...values: readonly FieldValue[]): FieldValue => ({ arrayValue: { values } });
const mapOf = (x: FieldValue): FieldValue => ({ mapValue: { fields: { x } } });
export const FIELDS = [
  ...SCALARS,
  listOf(),
  ...SCALARS.map((value) => listOf(value)),
  ...SCALARS.map((value) => mapOf(value)),
  mapOf(listOf({ stringValue: "a" })),
  listOf({ stringValue: "a" }, { integerValue: "1" }),
];

/** In each of some collections a document for every value, and one without fields. */
export const store = new DocumentIndex();
for (const collection of ["docs", "other", "docs/a/docs", "docs/a/other", "docs/b/docs"]) {
  for (const [index, x] of [...FIELDS, undefined].entries()) {
    const id = index < 3 ? "abc".charAt(index) : `v${index}`;
    const y = FIELDS[(index * 7 + collection.length) % (FIELDS.length + 3)];
    const fields = { ...(x !== undefined && { x }), ...(y !== undefined && { y }) };
    const times = { createTime: "2026-01-01T00:00:00Z", updateTime: "2026-01-01T00:00:00Z" };
    const name = `${ROOT}/${collection}/${id}`;
    const normalized = Object.entries(fields).map(([key, one]) => [key, normalizeValue(one, key)]);
    store.put(name, { name, fields: Object.fromEntries(normalized), ...times });
  }
}

/** Values of the same kinds as rules write them. */
export const RULE_VALUES =
  "null true -1 0 1 2 1.0 1.5 9007199254740992.0 '' 'a' 'b' '\u{1F600}' ['a'] request.time timestamp.date(2026,1,2)".split(
    " ",
  );
export const COMPARISONS = "== != < <= > >= in".split(" ");
export const FILTER_OPERATORS =
  "EQUAL NOT_EQUAL LESS_THAN LESS_THAN_OR_EQUAL GREATER_THAN GREATER_THAN_OR_EQUAL ARRAY_CONTAINS".split(
    " ",
  );

/** One block that allows reads under a condition. */
export function readRules(pattern: string, condition: string): CompiledRules {
  return compileRules(`rules_version = '2';
service cloud.firestore {
  match /databases/{database}/documents {
    function isSmall(data) { return data.x < 2; }
    match ${pattern} { allow read: if ${condition}; }
  }
}`);
}

const REQUEST: Omit<RulesRequest, "method" | "name" | "before"> = {
  auth: null,
  timeMicros: 1_767_225_600_000_000n,
  after: null,
  read: (name) => store.get(name),
  readAfter: (name) => store.get(name),
};

export function allowsList(rules: CompiledRules, query: Query): boolean {
  const list = { method: "list", name: query.parent, before: null, query } as const;
  return rules.check({ ...REQUEST, ...list }).allowed;
}

export function allowsGet(rules: CompiledRules, document: StoredDocument): boolean {
  return rules.check({ ...REQUEST, method: "get", name: document.name, before: document }).allowed;
}
