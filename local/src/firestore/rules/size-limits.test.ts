/** How large rules files, patterns and the values of expressions may be; each limit at its edge. */
import { describe, expect, test } from "vitest";
import { compileRules } from "./compile.ts";
import { evaluateExpression, rulesFor } from "./expression-fixture.ts";
import { PatternError } from "./pattern-syntax.ts";
import { compilePattern } from "./pattern.ts";

function times(count: number, item: (index: number) => string): readonly string[] {
  return Array.from({ length: count }, (_, index) => item(index));
}

function file(body: string): string {
  return `rules_version = '2';\nservice cloud.firestore {\n${body}}`;
}

function nested(depth: number): string {
  return depth === 0 ? "allow get;" : `match /c${depth}/{d${depth}} { ${nested(depth - 1)} }`;
}

const segments = (count: number): string => `match ${"/a".repeat(count)} { allow get; }`;
const wildcards = (count: number): string => times(count, (index) => `/{w${index}}`).join("");
const parameters = (count: number): string =>
  `function f(${times(count, (index) => `p${index}`).join(", ")}) { return 1; }`;
const lets = (count: number): string =>
  `function f() { ${times(count, (index) => `let v${index} = 1;`).join(" ")} return 1; }`;

const inside = (path: string): string => file(`match /{a}/{b} { match ${path} {} }`);
const padded = (bytes: number): string => file(`// ${"x".repeat(bytes - file("").length - 4)}\n`);

describe("what a file may contain", () => {
  test.each([
    ["match blocks nest ten deep", nested, 10, "match blocks nest deeper than 10"],
    ["a path has a hundred segments", segments, 100, "a path of more than 100 segments"],
    [
      "a path has twenty wildcards",
      (count: number) => `match ${wildcards(count)} {}`,
      20,
      "more than 20 wildcards in one path",
    ],
    ["a function has seven parameters", parameters, 7, "more than 7 parameters"],
    ["a function has ten lets", lets, 10, "more than 10 let bindings"],
  ])("%s, not one more", (_what, build, limit, message) => {
    expect(() => compileRules(file(build(limit)))).not.toThrow();
    expect(() => compileRules(file(build(limit + 1)))).toThrow(message);
  });

  test("wildcards and segments are counted over all the blocks around, a recursive one like any other", () => {
    expect(() => compileRules(inside(wildcards(18)))).not.toThrow();
    expect(() => compileRules(inside(wildcards(19)))).toThrow("more than 20 wildcards");
    expect(() => compileRules(inside(`${wildcards(17)}/{rest=**}`))).not.toThrow();
    expect(() => compileRules(inside(`${wildcards(18)}/{rest=**}`))).toThrow("more than 20");
    expect(() => compileRules(inside("/a".repeat(98)))).not.toThrow();
    expect(() => compileRules(inside("/a".repeat(99)))).toThrow("more than 100 segments");
  });

  test("a file has 256 KiB, not one byte more", () => {
    expect(Buffer.byteLength(padded(262_144))).toBe(262_144);
    expect(() => compileRules(padded(262_144))).not.toThrow();
    expect(() => compileRules(padded(262_145))).toThrow("the source exceeds 262144 bytes");
  });
});

/** A function that applies `step`, which doubles `x`, ten times. */
function doubling(step: string): string {
  const applied = (index: number): string => step.replaceAll("x", `x${index}`);
  return `function doubled(x0) {
    ${times(9, (index) => `let x${index + 1} = ${applied(index)};`).join("\n")}
    return ${applied(9)};
  }`;
}

describe("what an expression may build", () => {
  test("a text of a million characters, not one more", () => {
    const functions = doubling("x + x");
    const whole = "doubled(doubled('a'))";
    expect(evaluateExpression(`${whole}.size() == 1048576`, functions).allowed).toBe(true);
    const beyond = evaluateExpression(`(${whole} + 'a').size() > 0 || true`, functions);
    expect(beyond).toMatchObject({
      allowed: false,
      reason: "a text of more than 1048576 characters",
    });
    const replaced = "doubled('a').replace('a', doubled('b')).size() > 0 || true";
    expect(evaluateExpression(replaced, functions).reason).toMatch("a text of more than");
    const joined = `['a', 'b'].join(${whole}).size() > 0 || true`;
    expect(evaluateExpression(joined, functions).reason).toMatch("a text of more than");
  });

  test("a list of as many values, however they are nested", () => {
    const concat = doubling("x.concat(x)");
    expect(
      evaluateExpression("doubled(doubled([1])[0:512]).size() == 524288", concat).allowed,
    ).toBe(true);
    const beyond = evaluateExpression("doubled(doubled([1])).size() > 0 || true", concat);
    expect(beyond).toMatchObject({ allowed: false, reason: "a list of more than 1048576 values" });
    const pairs = evaluateExpression(
      "doubled(doubled(1)) == doubled(doubled(1)) || true",
      doubling("[x, x]"),
    );
    expect(pairs.reason).toBe("a list of more than 1048576 values");
    const maps = evaluateExpression(
      "doubled(doubled({})) == {} || true",
      doubling("{'a': x, 'b': x}"),
    );
    expect(maps.reason).toBe("a map of more than 1048576 values");
  });
});

describe("regular expressions", () => {
  test("a pattern has five thousand instructions, not one more", () => {
    expect(() => compilePattern("(?:a{1000}){5}")).not.toThrow();
    expect(() => compilePattern("(?:a{1000}){5}a")).toThrow("the pattern is too large");
    expect(() => compileRules(rulesFor("'a'.matches('(?:a{1000}){5}a')"))).toThrow("too large");
  });

  test("a text and its pattern cost twenty million steps, not more", () => {
    const pattern = compilePattern("a{999}");
    expect(pattern.coversWhole("a".repeat(20_000))).toBe(false);
    expect(() => pattern.coversWhole("a".repeat(20_001))).toThrow(PatternError);
  });
});
