/** No text crashes the compiler, no expression crashes the evaluator, and no error allows. */
import { readFileSync } from "node:fs";
import {
  array,
  assert,
  constantFrom,
  letrec,
  nat,
  oneof,
  property,
  string,
  tuple,
} from "fast-check";
import { describe, expect, test } from "vitest";
import { compileRules } from "./compile.ts";
import { evaluateWith, rulesFor } from "./expression-fixture.ts";
import { RulesSyntaxError } from "./rules-syntax-error.ts";

/** Throws whatever else than a RulesSyntaxError the compiler throws. */
function compiles(source: string): boolean {
  try {
    compileRules(source);
    return true;
  } catch (error) {
    if (error instanceof RulesSyntaxError) return false;
    throw error;
  }
}

const TOKENS = [
  ..."{ } ( ) [ ] / , ; : . ? ! - + * % = == != <= && || ** =** $( 'a' \"b\" 1 2.5 a".split(" "),
  ..."match allow function let return if in is read write true null request resource".split(" "),
  ..."/docs/{id} rules_version service cloud.firestore get size matches duration\n // /* */".split(
    " ",
  ),
];

test("soups of tokens are refused with a RulesSyntaxError or accepted", () => {
  const soup = array(constantFrom(...TOKENS), { maxLength: 60 }).map((parts) => parts.join(" "));
  assert(
    property(soup, (text) => {
      compiles(text);
      compiles(`rules_version = '2'; service cloud.firestore { ${text} }`);
      compiles(rulesFor(text));
    }),
    { numRuns: 2_000 },
  );
});

test("arbitrary text is refused with a RulesSyntaxError", () => {
  assert(
    property(string({ unit: "binary", maxLength: 200 }), (text) => {
      compiles(text);
      compiles(rulesFor(text));
    }),
    { numRuns: 2_000 },
  );
});

const PRODUCT = readFileSync(new URL("../../../../firestore.rules", import.meta.url), "utf8");

/** The product's rules with some pieces cut out, doubled, or replaced by tokens. */
const mutated = array(
  tuple(nat(PRODUCT.length), nat(40), constantFrom("", "", ...TOKENS), nat(2)),
  { minLength: 1, maxLength: 4 },
).map((changes) =>
  changes.reduce((text, [at, length, token, copies]) => {
    const piece = text.slice(at, at + length);
    return text.slice(0, at) + token + piece.repeat(copies) + text.slice(at + length);
  }, PRODUCT),
);

test("damaged rules are refused with a RulesSyntaxError, or decide", () => {
  let accepted = 0;
  assert(
    property(mutated, (text) => {
      if (!compiles(text)) return;
      accepted += 1;
      const { allowed } = compileRules(text).check({
        method: "update",
        name: "projects/p/databases/(default)/documents/deployments/d",
        auth: null,
        timeMicros: 0n,
        before: null,
        after: null,
        read: () => null,
        readAfter: () => null,
      });
      expect(typeof allowed).toBe("boolean");
    }),
    { numRuns: 150 },
  );
  expect(accepted).toBeGreaterThan(3);
});

const LEAVES =
  "true false null 0 1 -1 2.5 7 'a' 'ab' '' [] {} [1] ['a','b'] {'a':1} /a/b b'a' database resource resource.id request.time".split(
    " ",
  );
const FIELDS = "resource.data resource.data.f resource.data.g resource.data.f.x resource.data.g[0]";
const CALLS =
  "request.auth.uid request.resource duration.value(1,'s') timestamp.date(2026,1,1) latlng.value(1,2)";
const METHODS =
  "size() keys() values() lower() upper() trim() toUtf8() toSet() year() toMillis() seconds() latitude() toBase64() matches('a*') matches(resource.data.f) split('b') replace('a','b') addedKeys() affectedKeys()".split(
    " ",
  );
const FUNCTIONS = "! - int float string path exists get math.abs math.ceil math.sqrt hashing.md5";
const OPERATORS = "== != < <= > >= in + - * / % && ||".split(" ");
const TYPES = "bool int float number string list map path timestamp duration bytes latlng";
const ONE_ARGUMENT =
  "hasAny hasAll hasOnly concat join removeAll diff union difference intersection distance".split(
    " ",
  );

/** Expressions of every shape, many of them without a value. */
const { expression } = letrec<{ expression: string }>((tie) => {
  const inner = tie("expression");
  return {
    expression: oneof(
      { maxDepth: 4, withCrossShrink: true },
      constantFrom(...LEAVES, ...FIELDS.split(" "), ...CALLS.split(" ")),
      tuple(inner, constantFrom(...OPERATORS), inner).map(
        ([left, operator, right]) => `(${left}) ${operator} (${right})`,
      ),
      tuple(inner, constantFrom(...METHODS)).map(([of, method]) => `(${of}).${method}`),
      tuple(inner, constantFrom(...ONE_ARGUMENT), inner).map(
        ([of, method, argument]) => `(${of}).${method}(${argument})`,
      ),
      tuple(inner, inner, inner).map(([of, key, other]) => `(${of}).get(${key}, ${other})`),
      tuple(inner, inner, inner).map(([test_, yes, no]) => `((${test_}) ? (${yes}) : (${no}))`),
      tuple(inner, inner).map(([of, index]) => `(${of})[${index}]`),
      tuple(inner, inner, inner).map(([of, from, to]) => `(${of})[${from}:${to}]`),
      tuple(constantFrom(...FUNCTIONS.split(" ")), inner).map(
        ([operator, operand]) => `${operator}(${operand})`,
      ),
      tuple(inner, constantFrom(...TYPES.split(" "))).map(([of, type]) => `(${of}) is ${type}`),
      tuple(inner, inner).map(([one, other]) => `[${one}, ${other}]`),
      tuple(inner, inner).map(([one, other]) => `{'x': ${one}, 'y': ${other}}`),
      inner.map((segment) => `/a/$(${segment})`),
    ),
  };
});

const leaf = constantFrom(...LEAVES, ...FIELDS.split(" "));
/** The same, with more that are bools. */
const condition = oneof(
  expression,
  tuple(leaf, constantFrom("==", "!=", "in", "<"), leaf).map((parts) => parts.join(" ")),
  tuple(expression, constantFrom("==", "!="), expression).map(
    ([one, operator, other]) => `(${one}) ${operator} (${other})`,
  ),
);

const { data } = letrec<{ data: unknown }>((tie) => ({
  data: oneof(
    { maxDepth: 3 },
    constantFrom<unknown>(null, true, 0, 1, -1, 2.5, Number.NaN, "", "a", "ab", new Date(0)),
    array(tie("data"), { maxLength: 3 }),
    tuple(tie("data"), tie("data")).map(([x, y]) => ({ x, y })),
  ),
}));

test("an expression and its negation never both allow, and an error allows neither", () => {
  const seen = { true: 0, false: 0, error: 0 };
  assert(
    property(condition, data, data, (text, f, g) => {
      const verdict = evaluateWith({ f, g }, `(${text})`);
      const negated = evaluateWith({ f, g }, `!(${text})`);
      // Only a plain false lets the negation allow; an error does not.
      const isFalse = verdict.reason === "line 4: false";
      expect(verdict.allowed && negated.allowed).toBe(false);
      expect(negated.allowed).toBe(isFalse);
      if (verdict.allowed) seen.true += 1;
      else if (isFalse) seen.false += 1;
      else seen.error += 1;
    }),
    { numRuns: 2_000 },
  );
  expect(Math.min(seen.true, seen.false, seen.error)).toBeGreaterThan(50);
});

/** Ways to say the same. `e` stands for the expression. */
const SAYINGS: readonly (readonly [what: string, condition: string, functions: string])[] = [
  ["its double negation", "!(!(e))", ""],
  ["the conjunction with true", "(e) && true", ""],
  ["the conjunction with true before it", "true && (e)", ""],
  ["the disjunction with false", "(e) || false", ""],
  ["the disjunction with false before it", "false || (e)", ""],
  ["the choice between true and false", "(e) ? true : false", ""],
  ["the comparison of its choice", "((e) ? 1 : 2) == 1", ""],
  ["the whole in brackets", "((e))", ""],
  ["a function of it", "f0()", "function f0() { return e; }"],
  ["a let of it", "f0()", "function f0() { let v = e; return v; }"],
  ["a let of it with another name", "f0()", "function f0() { let other = e; return other; }"],
  ["a parameter", "f0(e)", "function f0(v) { return v; }"],
  ["a let beside it", "f0()", "function f0() { let unused = 1; return e; }"],
];

const about = (text: string, e: string): string => text.replaceAll(/\be\b/g, () => e);

describe("an expression decides the same as", () => {
  test.each(SAYINGS)("%s", (_what, saying, functions) => {
    assert(
      property(condition, data, data, (text, f, g) => {
        const plain = evaluateWith({ f, g }, text);
        const said = evaluateWith({ f, g }, about(saying, text), about(functions, text));
        expect({ text, allowed: said.allowed }).toEqual({ text, allowed: plain.allowed });
      }),
      { numRuns: 250 },
    );
  });
});

test("members of a list are found alike one by one and all at once", () => {
  assert(
    property(array(data, { maxLength: 6 }), data, (f, g) => {
      const one = evaluateWith({ f, g }, "resource.data.g in resource.data.f");
      const all = evaluateWith({ f, g }, "resource.data.f.hasAll([resource.data.g])");
      const any = evaluateWith({ f, g }, "resource.data.f.hasAny([resource.data.g])");
      expect([all.allowed, any.allowed]).toEqual([one.allowed, one.allowed]);
    }),
    { numRuns: 500 },
  );
});
