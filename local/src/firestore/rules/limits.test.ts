import { describe, expect, test } from "vitest";
import { compileRules } from "./compile.ts";
import { evaluateExpression, rulesFor } from "./expression-fixture.ts";
import { PatternError } from "./pattern-syntax.ts";
import { compilePattern } from "./pattern.ts";

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

describe("what a file may contain", () => {
  const nested = (depth: number): string =>
    depth === 0 ? "allow get;" : `match /c${depth}/{d${depth}} { ${nested(depth - 1)} }`;
  const segments = (count: number): string => `match ${"/a".repeat(count)} { allow get; }`;
  const wildcards = (count: number): string =>
    `match ${Array.from({ length: count }, (_, index) => `/{w${index}}`).join("")} { allow get; }`;
  const text = (bytes: number): string => {
    const rest = file("");
    return file(`// ${"x".repeat(bytes - rest.length - 4)}\n`);
  };
  const file = (body: string): string =>
    `rules_version = '2';\nservice cloud.firestore {\n${body}}`;
  const parameters = (count: number): string =>
    `function f(${Array.from({ length: count }, (_, index) => `p${index}`).join(", ")}) { return 1; }`;
  const lets = (count: number): string =>
    `function f() { ${Array.from({ length: count }, (_, index) => `let v${index} = 1;`).join(" ")} return 1; }`;

  test.each([
    ["match blocks nest ten deep", nested, 10, "match blocks nest deeper than 10"],
    ["a path has a hundred segments", segments, 100, "a path of more than 100 segments"],
    ["a path has twenty wildcards", wildcards, 20, "more than 20 wildcards in one path"],
    ["a function has seven parameters", parameters, 7, "more than 7 parameters"],
    ["a function has ten lets", lets, 10, "more than 10 let bindings"],
  ])("%s, not one more", (_what, build, limit, message) => {
    expect(() => compileRules(file(build(limit)))).not.toThrow();
    expect(() => compileRules(file(build(limit + 1)))).toThrow(message);
  });

  test("wildcards and segments are counted over all the blocks around", () => {
    const inner = (count: number): string =>
      file(`match /{a}/{b} { match ${wildcards(count).slice("match ".length)} }`);
    expect(() => compileRules(inner(18))).not.toThrow();
    expect(() => compileRules(inner(19))).toThrow("more than 20 wildcards");
    const rest = file(
      `match ${wildcards(19).slice("match ".length, -"{ allow get; }".length)}/{r=**} {}`,
    );
    expect(() => compileRules(rest.replace(" /{r", "/{r"))).not.toThrow();
  });

  test("a file has 256 KiB, not one byte more", () => {
    expect(Buffer.byteLength(text(262_144))).toBe(262_144);
    expect(() => compileRules(text(262_144))).not.toThrow();
    expect(() => compileRules(text(262_145))).toThrow("the source exceeds 262144 bytes");
  });
});

describe("what an expression may build", () => {
  const doubling = (what: string): string => `function doubled(x0) {
    ${Array.from({ length: 9 }, (_, index) => `let x${index + 1} = ${what.replaceAll("x", `x${index}`)};`).join("\n")}
    return ${what.replaceAll("x", "x9")};
  }`;

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
    const nested = evaluateExpression(
      "doubled(doubled(1)) == doubled(doubled(1)) || true",
      doubling("[x, x]"),
    );
    expect(nested.reason).toBe("a list of more than 1048576 values");
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
