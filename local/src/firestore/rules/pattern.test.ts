import { assert, constantFrom, property, array, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { compilePattern } from "./pattern.ts";
import { PatternError } from "./pattern-syntax.ts";

/** Name of the error thrown; running without one counts as the expected one. */
function thrownBy(action: () => unknown): string {
  try {
    action();
    return "PatternError";
  } catch (error) {
    return error instanceof Error ? error.name : "no error";
  }
}

describe("matching the whole text", () => {
  /** Small patterns over a small alphabet, so that both outcomes are frequent. */
  const pieces = [
    "a",
    "b",
    ".",
    "[ab]",
    "[^a]",
    "(a|b)",
    "(?:ab)",
    "(a*b|b)",
    "\\.",
    "\\d",
    "(?:a{2})",
  ];
  const counts = ["", "", "*", "+", "?", "{0,2}", "*?", "+?"];

  test("agrees with the language's own engine", () => {
    const part = array(constantFrom(...pieces), { minLength: 1, maxLength: 4 });
    const repeats = array(constantFrom(...counts), { minLength: 4, maxLength: 4 });
    const texts = array(constantFrom("a", "b", "1", ".", "c"), { maxLength: 6 });
    assert(
      property(part, repeats, texts, (parts, suffixes, chars) => {
        const source = parts.map((piece, index) => piece + (suffixes[index] ?? "")).join("");
        const text = chars.join("");
        const expected = new RegExp(`^(?:${source})$`, "u").test(text);
        expect(compilePattern(source).coversWhole(text), `${source} on ${text}`).toBe(expected);
      }),
      { numRuns: 2_000 },
    );
  });

  test("splits like the language's own engine", () => {
    const texts = array(constantFrom("a", "b", "-", "_"), { maxLength: 8 });
    assert(
      property(constantFrom("-", "-+", "[-_]", "a|ab", "ab|a", "-+?"), texts, (source, chars) => {
        const text = chars.join("");
        expect(compilePattern(source).pieces(text)).toEqual(text.split(new RegExp(source, "u")));
      }),
      { numRuns: 1_000 },
    );
  });

  test("patterns that would keep a backtracking engine busy for ever end", () => {
    const text = `${"a".repeat(2_000)}!`;
    for (const source of ["(a+)+", "(a|a)*", "(a*)*", "(a?){50}a{50}", "(.*)(.*)(.*)(.*)x"]) {
      expect(compilePattern(source).coversWhole(text)).toBe(false);
    }
  });

  test("a text too long for its pattern is refused, not begun", () => {
    expect(() => compilePattern("[a-z]{1000}").coversWhole("a".repeat(50_000))).toThrow(
      PatternError,
    );
  });

  test("whatever the pattern, nothing but a PatternError is thrown", () => {
    assert(
      property(string({ unit: constantFrom(..."ab()[]{}*+?|^$.\\-,1:i".split("")) }), (source) => {
        expect(thrownBy(() => compilePattern(source).coversWhole("ab1"))).toBe("PatternError");
      }),
      { numRuns: 3_000 },
    );
  });
});
