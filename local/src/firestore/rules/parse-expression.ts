/** The expression grammar, loosest operator first. */
import type { BinaryOperator, Expression } from "./syntax-tree.ts";
import { parsePrimary } from "./parse-primary.ts";
import type { TokenReader } from "./token-reader.ts";

export function parseExpression(reader: TokenReader): Expression {
  return reader.nested(() => {
    const test = parseLogical(reader, "||");
    if (!reader.is("?")) return test;
    reader.take();
    const yes = parseExpression(reader);
    reader.expect(":");
    const no = parseExpression(reader);
    return { kind: "conditional", at: test.at, test, yes, no };
  });
}

function parseLogical(reader: TokenReader, operator: "&&" | "||"): Expression {
  const operand = (): Expression =>
    operator === "||" ? parseLogical(reader, "&&") : parseRelation(reader);
  let left = operand();
  while (reader.is(operator)) {
    const at = reader.take();
    left = { kind: "logical", at, operator, left, right: operand() };
  }
  return left;
}

const RELATIONS: readonly BinaryOperator[] = ["==", "!=", "<=", "<", ">=", ">", "in"];

/**
 * Comparisons, `in` and `is` share one level and do not chain: how `a in b == c` groups is not documented
 * well enough to guess, so brackets are demanded.
 */
function parseRelation(reader: TokenReader): Expression {
  const left = parseSum(reader, ["+", "-"]);
  const relation = takeRelation(reader, left);
  if (relation !== left && isRelation(reader)) {
    reader.fail("comparisons do not chain: put brackets around one of them");
  }
  return relation;
}

function takeRelation(reader: TokenReader, left: Expression): Expression {
  if (reader.is("is")) {
    const at = reader.take();
    return { kind: "is", at, operand: left, type: reader.expectName("a type name").text };
  }
  const operator = RELATIONS.find((candidate) => reader.is(candidate));
  if (operator === undefined) return left;
  const at = reader.take();
  return { kind: "binary", at, operator, left, right: parseSum(reader, ["+", "-"]) };
}

function isRelation(reader: TokenReader): boolean {
  return reader.is("is") || RELATIONS.some((operator) => reader.is(operator));
}

function parseSum(reader: TokenReader, operators: readonly BinaryOperator[]): Expression {
  const isSum = operators.includes("+");
  const operand = (): Expression =>
    isSum ? parseSum(reader, ["*", "/", "%"]) : parseUnary(reader);
  let left = operand();
  for (;;) {
    const operator = operators.find((candidate) => reader.is(candidate));
    if (operator === undefined) return left;
    const at = reader.take();
    if (operator === "/" && !(at.spaced && reader.peek().spaced)) {
      reader.fail("'/' without spaces around it reads as a path: write 'a / b'", at);
    }
    left = { kind: "binary", at, operator, left, right: operand() };
  }
}

/** `!!a` and `--1` are refused: production does not take the second, the first is always a slip. */
function parseUnary(reader: TokenReader): Expression {
  const at = reader.peek();
  if (!reader.is("!") && !reader.is("-")) return parsePostfix(reader);
  reader.take();
  if (reader.is("!") || reader.is("-")) reader.fail(`'${at.text}' cannot be repeated`);
  const operand = parsePostfix(reader);
  return { kind: at.text === "!" ? "not" : "negate", at, operand };
}

function parsePostfix(reader: TokenReader): Expression {
  let value = parsePrimary(reader, parseExpression);
  for (;;) {
    if (reader.is(".")) value = parseMember(reader, value);
    else if (reader.is("[")) value = parseBrackets(reader, value);
    else return value;
  }
}

function parseMember(reader: TokenReader, of: Expression): Expression {
  reader.expect(".");
  const name = reader.expectName("a field or method name");
  if (!reader.accept("(")) return { kind: "member", at: name, of, name: name.text };
  const args = reader.listUntil(")", () => parseExpression(reader));
  return { kind: "method", at: name, of, name: name.text, args };
}

function parseBrackets(reader: TokenReader, of: Expression): Expression {
  const at = reader.expect("[");
  const from = parseExpression(reader);
  if (!reader.accept(":")) {
    reader.expect("]");
    return { kind: "index", at, of, index: from };
  }
  const to = parseExpression(reader);
  reader.expect("]");
  return { kind: "slice", at, of, from, to };
}
