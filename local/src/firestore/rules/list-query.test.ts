/** Which list queries prove which conditions; what a query does not prove is denied. */
import { expect, test } from "vitest";
import { Query } from "../query/query.ts";
import { compileRules } from "./compile.ts";
import {
  AT_THE_ROOT,
  IN_ONE_BLOCK,
  letters,
  ROOT,
  where,
  type QueryParts,
} from "./list-query.cases.ts";
import type { RulesRequest } from "./rules.ts";

function lists(rules: string, parent: string, query: QueryParts): boolean {
  const request: RulesRequest = {
    method: "list",
    name: `${ROOT}${parent}`,
    auth: { uid: "ada", token: {} },
    timeMicros: 0n,
    before: null,
    after: null,
    query: new Query(`${ROOT}${parent}`, { from: [{ collectionId: "docs" }], ...query }),
    read: () => null,
    readAfter: () => null,
  };
  return compileRules(`rules_version = '2';
service cloud.firestore {
  match /databases/{database}/documents {
    ${rules}
  }
}`).check(request).allowed;
}

test.each(IN_ONE_BLOCK)("%s", (_what, condition, query, proven) => {
  const rules = `
    function isAdult(data) { return data.age >= 18; }
    function isOld(age) { return age >= 18; }
    match /tops/{parent}/docs/{id} { allow list: if ${condition}; }
    match /tops/{parent}/docs/fixed { allow list: if true; }`;
  expect(lists(rules, "/tops/p1", query)).toBe(proven);
});

test.each(AT_THE_ROOT)("match %s with %s answers %j: %s", (pattern, condition, query, proven) => {
  const rules = `match ${pattern} { allow list: if ${condition}; }`;
  expect(lists(rules, "", query)).toBe(proven);
});

test("each alternative may be allowed by a statement of its own, and the budget is one for all", () => {
  const rules = `match /docs/{id} {
    allow list: if resource.data.s == 'a';
    allow list: if resource.data.s == 'b';
  }`;
  expect(lists(rules, "", { where: where("s", "IN", ["a", "b"]) })).toBe(true);
  expect(lists(rules, "", { where: where("s", "IN", ["a", "c"]) })).toBe(false);
  const read = "!exists(/databases/$(database)/documents/other/$(resource.data.s))";
  const reading = `match /docs/{id} { allow list: if ${read}; }`;
  expect(lists(reading, "", { where: where("s", "IN", letters(10)) })).toBe(true);
  expect(lists(reading, "", { where: where("s", "IN", letters(11)) })).toBe(false);
});
