import { expect, test } from "vitest";
import { compileRules } from "./compile.ts";
import { RulesCoverage } from "./coverage.ts";
import type { RulesRequest } from "./rules.ts";

const SOURCE = `rules_version = '2';
service cloud.firestore {
  match /databases/{database}/documents {
    function isOwn() {
      return request.auth != null
        && request.auth.uid == 'ada';
    }
    match /docs/{id} {
      allow get: if isOwn() ||
        !(id != 'open');
      allow delete;
      allow create: if ['a', 'b'].hasAny(
        [id]);
    }
  }
}`;

function ask(method: RulesRequest["method"], id: string, uid: string | null): RulesRequest {
  return {
    method,
    name: `projects/p/databases/(default)/documents/docs/${id}`,
    auth: uid === null ? null : { uid, token: {} },
    timeMicros: 0n,
    before: null,
    after: null,
    read: () => null,
    readAfter: () => null,
  };
}

test("lines that nothing reached are named, statements without a condition among them", () => {
  const coverage = new RulesCoverage();
  const rules = compileRules(SOURCE, coverage);
  expect(coverage.report()).toMatchObject({ lines: 7, unreached: [5, 6, 9, 10, 11, 12, 13] });
  rules.check(ask("get", "x", null));
  expect(coverage.report().unreached).toEqual([6, 11, 12, 13]);
  rules.check(ask("delete", "x", null));
  rules.check(ask("get", "x", "eve"));
  expect(coverage.report().unreached).toEqual([12, 13]);
  rules.check(ask("create", "x", null));
  expect(coverage.report().unreached).toEqual([]);
});

test("a condition that only went one way is named until it went the other way too", () => {
  const coverage = new RulesCoverage();
  const rules = compileRules(SOURCE, coverage);
  const oneSided = (): readonly string[] =>
    coverage.report().oneSided.map(({ line, never }) => `${line} ${never}`);
  rules.check(ask("get", "x", "ada"));
  expect(oneSided()).toEqual(["5 false", "6 false", "9 false", "10 true", "10 true", "12 true"]);
  rules.check(ask("get", "open", null));
  expect(oneSided()).toEqual(["6 false", "10 false", "10 true", "12 true"]);
  rules.check(ask("get", "x", "eve"));
  rules.check(ask("create", "x", null));
  rules.check(ask("create", "a", null));
  expect(oneSided()).toEqual([]);
});

test("watching changes neither verdicts nor what they count", () => {
  const watched = compileRules(SOURCE, new RulesCoverage());
  const plain = compileRules(SOURCE);
  for (const method of ["get", "create", "update", "delete"] as const) {
    for (const [id, uid] of [
      ["x", null],
      ["open", "eve"],
      ["a", "ada"],
    ] as const) {
      const request = ask(method, id, uid);
      expect(watched.check(request)).toEqual(plain.check(request));
    }
  }
});
