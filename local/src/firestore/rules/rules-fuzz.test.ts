/** No text crashes the compiler and no error allows. */
import { array, assert, constantFrom, letrec, oneof, property, string, tuple } from "fast-check";
import { expect, test } from "vitest";
import { compileRules } from "./compile.ts";
import { evaluateExpression, rulesFor } from "./expression-fixture.ts";
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
    { numRuns: 3_000 },
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

/** Expressions of every shape, most of them without a value. */
const { expression } = letrec<{ expression: string; leaf: string }>((tie) => {
  const inner = tie("expression");
  const leaf = constantFrom(
    ..."true false null 1 0 -1 2.5 'a' '' [] {} [1] {'a':1} /a/b id resource.data request.time".split(
      " ",
    ),
    ..."resource.data.missing resource.data.name resource.data.tags request.auth.uid request.resource".split(
      " ",
    ),
  );
  const binary = tuple(
    inner,
    constantFrom(..."== != < <= > >= in + - * / % && ||".split(" ")),
    inner,
  ).map(([left, operator, right]) => `(${left}) ${operator} (${right})`);
  const call = tuple(
    inner,
    constantFrom("size()", "keys()", "lower()", "matches('a*')", "hasOnly(['a'])", "get('a', 1)"),
  ).map(([of, method]) => `(${of}).${method}`);
  const other = tuple(inner, inner, inner).map(([a, b, c]) => `((${a}) ? (${b}) : (${c}))[${a}]`);
  const unary = tuple(constantFrom("!", "-", "int", "string", "exists"), inner).map(
    ([operator, operand]) => `${operator}(${operand})`,
  );
  return {
    leaf,
    expression: oneof({ maxDepth: 4, withCrossShrink: true }, leaf, binary, call, unary, other),
  };
});

test("an expression and its negation never both allow, and an error allows neither", () => {
  let errors = 0;
  assert(
    property(expression, (text) => {
      const verdict = evaluateExpression(`(${text})`);
      const negated = evaluateExpression(`!(${text})`);
      expect(verdict.allowed && negated.allowed).toBe(false);
      // Only a plain false lets the negation allow; an error does not.
      const isFalse = verdict.reason === "line 4: false";
      expect(negated.allowed).toBe(isFalse);
      if (!verdict.allowed && !isFalse) errors += 1;
    }),
    { numRuns: 3_000 },
  );
  expect(errors).toBeGreaterThan(100);
});
