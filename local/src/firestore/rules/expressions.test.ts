/** What each expression decides, by what somebody else says about the language; see expressions/statement.ts. */
import { describe, expect, test } from "vitest";
import { evaluateExpression } from "./expression-fixture.ts";
import { TOPICS } from "./expressions/index.ts";
import type { ExpectedOutcome, Statement } from "./expressions/statement.ts";

interface Row {
  readonly expression: string;
  readonly outcome: ExpectedOutcome;
  readonly because: string;
}

const OUTCOMES = ["true", "false", "error"] as const;

function rowsOf(statement: Statement): readonly Row[] {
  const because = `${statement.source}: ${statement.says}`;
  return OUTCOMES.flatMap((outcome) =>
    (statement[outcome] ?? []).map((expression) => ({ expression, outcome, because })),
  );
}

const ALL = Object.values(TOPICS).flat().flatMap(rowsOf);

describe.each(Object.entries(TOPICS))("%s", (_topic, statements) => {
  test.each(statements.flatMap(rowsOf))("$expression is $outcome: $because", (row) => {
    const verdict = evaluateExpression(`(${row.expression})`);
    expect(verdict).toMatchObject({ allowed: row.outcome === "true" });
    const negated = evaluateExpression(`!(${row.expression})`);
    expect(negated).toMatchObject({ allowed: row.outcome === "false" });
  });
});

test("the table holds at least 400 expressions, none twice, each with its reason", () => {
  const distinct = new Set(ALL.map(({ expression }) => expression));
  expect(distinct.size).toBe(ALL.length);
  expect(distinct.size).toBeGreaterThanOrEqual(400);
  const sources = /^(rules\.|language|structure|conditions|quotas|emulator 2025|undocumented)/;
  for (const { source, says } of Object.values(TOPICS).flat()) {
    expect(source).toMatch(sources);
    expect(says.length).toBeGreaterThan(10);
  }
  const count = (outcome: ExpectedOutcome): number =>
    ALL.filter((row) => row.outcome === outcome).length;
  console.log(`${ALL.length} expressions: ${OUTCOMES.map((o) => `${count(o)} ${o}`).join(", ")}`);
});

test("a refusal names the statement and the line of the error", () => {
  expect(evaluateExpression("resource.data.nope").reason).toBe(
    "line 4: there is no field 'nope' (line 4)",
  );
  const inFunction = evaluateExpression("f(1)", "function f(x) { return x.size() == 1; }");
  expect(inFunction.reason).toBe("line 4: a int has no method 'size' (line 5)");
  expect(evaluateExpression("id == 'e'").reason).toBe("line 4: false");
  expect(evaluateExpression("true").reason).toBe("line 4 allows get");
});

test("functions see their arguments, their lets and the wildcards around them", () => {
  const functions = `
    function add(a, b) { let sum = a + b; let twice = sum * 2; return twice; }
    function inDefault() { return database == '(default)' && resource.id == 'd'; }`;
  expect(evaluateExpression("add(1, 2) == 6 && inDefault()", functions).allowed).toBe(true);
});

test("a parameter or a let hides a wildcard of the same name, inside its function only", () => {
  const functions = `
    function own(id) { return id == 'x'; }
    function local() { let id = 'y'; return id == 'y' && own('x'); }`;
  expect(evaluateExpression("own('x') && local() && id == 'd'", functions).allowed).toBe(true);
});
