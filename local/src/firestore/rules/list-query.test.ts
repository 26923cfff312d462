/** Which list queries prove which conditions. */
import { expect, test } from "vitest";
import { compileRules } from "./compile.ts";
import type { RulesRequest } from "./rules.ts";

const equal = (fieldPath: string, value: object) => ({
  fieldFilter: { field: { fieldPath }, op: "EQUAL", value },
});
const compare = (op: string, fieldPath: string, value: object) => ({
  fieldFilter: { field: { fieldPath }, op, value },
});
const all = (...filters: object[]) => ({ compositeFilter: { op: "AND", filters } });
const any = (...filters: object[]) => ({ compositeFilter: { op: "OR", filters } });
const text = (stringValue: string) => ({ stringValue });

const OWN = "resource.data.owner == request.auth.uid";
const own = equal("owner", text("ada"));

interface Query {
  readonly where?: object;
  readonly limit?: unknown;
  readonly offset?: unknown;
  readonly from?: object[];
}

const CASES: readonly (readonly [
  what: string,
  condition: string,
  query: Query,
  proven: boolean,
])[] = [
  ["the filter the rule asks for", OWN, { where: own }, true],
  ["the filter among others", OWN, { where: all(equal("state", text("x")), own) }, true],
  ["a nested conjunction", OWN, { where: all(all(own), equal("a", text("b"))) }, true],
  ["no filter", OWN, {}, false],
  ["another value", OWN, { where: equal("owner", text("eve")) }, false],
  ["another field", OWN, { where: equal("team", text("ada")) }, false],
  ["a disjunction", OWN, { where: any(own, equal("owner", text("eve"))) }, false],
  ["a disjunction of one", OWN, { where: any(own) }, false],
  ["an inequality", OWN, { where: compare("GREATER_THAN_OR_EQUAL", "owner", text("ada")) }, false],
  [
    "an in filter",
    OWN,
    { where: compare("IN", "owner", { arrayValue: { values: [text("ada")] } }) },
    false,
  ],
  ["a negation", OWN, { where: compare("NOT_EQUAL", "owner", text("eve")) }, false],
  [
    "a null test",
    "resource.data.gone == null",
    { where: { unaryFilter: { op: "IS_NULL", field: { fieldPath: "gone" } } } },
    true,
  ],
  [
    "a NaN test",
    "resource.data.n == null",
    { where: { unaryFilter: { op: "IS_NAN", field: { fieldPath: "n" } } } },
    false,
  ],
  ["a nested field", "resource.data.a.b == 'x'", { where: equal("a.b", text("x")) }, true],
  [
    "a sibling of a nested field",
    "resource.data.a.c == 'x'",
    { where: equal("a.b", text("x")) },
    false,
  ],
  [
    "a field with a dot in its name",
    "resource.data['a.b'] == 'x'",
    { where: equal("`a.b`", text("x")) },
    true,
  ],
  [
    "a dotted path is no such field",
    "resource.data['a.b'] == 'x'",
    { where: equal("a.b", text("x")) },
    false,
  ],
  ["a key that is known", "'owner' in resource.data", { where: own }, true],
  ["a key that is not known", "!('other' in resource.data)", { where: own }, false],
  ["a default for an unknown key", "resource.data.get('other', 1) == 1", { where: own }, false],
  ["the number of fields", "resource.data.size() == 1", { where: own }, false],
  ["all keys", "resource.data.keys() == ['owner']", { where: own }, false],
  ["the whole data", "resource.data == {'owner': 'ada'}", { where: own }, false],
  ["the whole data differs", "resource.data != {'owner': 'eve'}", { where: own }, false],
  [
    "a difference of data",
    "resource.data.diff({'owner': 'ada'}).affectedKeys().size() == 0",
    { where: own },
    false,
  ],
  ["the id", "resource.id != 'x'", { where: own }, false],
  ["the name", "resource.__name__ != /a/b", { where: own }, false],
  ["the wildcard of the id", "id != 'x'", { where: own }, false],
  ["the wildcard above", "parent == 'p1'", { where: own }, true],
  ["the path", "request.path != /a/b", { where: own }, false],
  ["an unknown beside a true", "resource.data.other == 1 || true", {}, true],
  [
    "the type of a number",
    "resource.data.n is int",
    { where: equal("n", { integerValue: "1" }) },
    false,
  ],
  [
    "a number in a list",
    "resource.data.n == [1]",
    { where: equal("n", { arrayValue: { values: [{ integerValue: "1" }] } }) },
    false,
  ],
  ["a bounded limit", "request.query.limit <= 10", { limit: { value: 10 } }, true],
  ["a bounded limit as a bare number", "request.query.limit <= 10", { limit: 10 }, true],
  ["a limit too large", "request.query.limit <= 10", { limit: 11 }, false],
  ["no limit", "request.query.limit <= 10", {}, false],
  ["an offset", "request.query.offset == 0", { offset: 5 }, false],
  ["no offset", "request.query.offset == 0", {}, true],
  ["a collection group", "true", { from: [{ collectionId: "docs", allDescendants: true }] }, false],
];

test.each(CASES)("%s", (_what, condition, query, proven) => {
  const rules = compileRules(`rules_version = '2';
service cloud.firestore {
  match /databases/{database}/documents/tops/{parent}/docs/{id} { allow list: if ${condition}; }
  match /databases/{database}/documents/tops/{parent}/docs/fixed { allow list: if true; }
}`);
  const request: RulesRequest = {
    method: "list",
    name: "projects/p/databases/(default)/documents/tops/p1/docs/*",
    auth: { uid: "ada", token: {} },
    timeMicros: 0n,
    before: null,
    after: null,
    query: { from: [{ collectionId: "docs" }], ...query },
    read: () => null,
    readAfter: () => null,
  };
  expect(rules.check(request).allowed).toBe(proven);
});
