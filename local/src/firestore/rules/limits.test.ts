import { describe, expect, test } from "vitest";
import { compileRules } from "./compile.ts";
import { evaluateExpression } from "./expression-fixture.ts";

const OTHER = "/databases/$(database)/documents/other";

const list = (length: number) => `[${Array.from({ length }, () => "1").join(", ")}]`;

const chain = (length: number) =>
  Array.from({ length }, (_, index) => {
    const next = index === length - 1 ? "true" : `f${index + 1}()`;
    return `function f${index}() { return ${next}; }`;
  }).join("\n");

const reads = (count: number) =>
  Array.from({ length: count }, (_, index) => `!exists(${OTHER}/n${index})`).join(" && ");

describe("expression evaluations", () => {
  test("a thousand are allowed, one more denies", () => {
    // The comparison, its two sides and the members: 3 + n.
    const within = evaluateExpression(`${list(997)} != 1`);
    expect(within).toMatchObject({ allowed: true, evaluations: 1_000 });
    const beyond = evaluateExpression(`${list(998)} != 1`);
    expect(beyond.allowed).toBe(false);
    expect(beyond.reason).toBe("more than 1000 expressions evaluated for one document");
  });

  test("running out denies even where an error would not matter", () => {
    expect(evaluateExpression(`${list(998)} == 1 || true`).allowed).toBe(false);
    expect(evaluateExpression(`true || ${list(998)} == 1`).allowed).toBe(true);
  });

  test("running out in one statement denies what a later one would allow", () => {
    const statements = `match /docs/{other} { allow get: if true; }`;
    expect(evaluateExpression("false", statements).allowed).toBe(true);
    expect(evaluateExpression(`${list(998)} == 1`, statements).allowed).toBe(false);
  });
});

test("calls may nest twenty deep", () => {
  expect(evaluateExpression("f0()", chain(20)).allowed).toBe(true);
  const beyond = evaluateExpression("f0() || true", chain(21));
  expect(beyond).toMatchObject({ allowed: false, reason: "function calls nest deeper than 20" });
});

describe("document access", () => {
  test("ten documents for one document, and the same one again is free", () => {
    expect(evaluateExpression(reads(10)).allowed).toBe(true);
    expect(evaluateExpression(`${reads(10)} && ${reads(10)}`).allowed).toBe(true);
    expect(evaluateExpression(reads(11))).toMatchObject({
      allowed: false,
      reason: "more than 10 documents accessed for one document",
    });
  });

  test("a document before and after the commit counts twice", () => {
    expect(evaluateExpression(`${reads(10)} && !existsAfter(${OTHER}/n0)`).allowed).toBe(false);
  });

  test("twenty documents for a whole commit", () => {
    const rules = compileRules(`rules_version = '2';
service cloud.firestore {
  match /databases/{database}/documents {
    match /docs/{id} {
      allow delete: if !exists(${OTHER}/$(id + '1')) && !exists(${OTHER}/$(id + '2'))
        && !exists(${OTHER}/$(id + '3'));
    }
  }
}`);
    const accessed = new Set<string>();
    const verdicts = Array.from({ length: 7 }, (_, index) =>
      rules.check({
        method: "delete",
        name: `projects/p/databases/(default)/documents/docs/d${index}`,
        auth: null,
        timeMicros: 0n,
        before: null,
        after: null,
        read: () => null,
        readAfter: () => null,
        accessed,
      }),
    );
    expect(verdicts.map((verdict) => verdict.allowed)).toEqual([
      ...Array.from({ length: 6 }, () => true),
      false,
    ]);
    expect(verdicts.at(-1)?.reason).toBe("more than 20 documents accessed for one commit");
  });
});
