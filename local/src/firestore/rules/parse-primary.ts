/** The smallest expressions: literals, names, calls, lists, maps, paths, brackets. */
import { NAMESPACE_NAMES } from "./names.ts";
import type { Token } from "./lexer.ts";
import type { Expression, Literal } from "./syntax-tree.ts";
import type { TokenReader } from "./token-reader.ts";
import { unquote, unquoteBytes } from "./unquote.ts";

type Parse = (reader: TokenReader) => Expression;

const MAX_INT = 2n ** 63n - 1n;
const CONSTANTS = new Map<string, null | boolean>([
  ["true", true],
  ["false", false],
  ["null", null],
]);

export function parsePrimary(reader: TokenReader, parseExpression: Parse): Expression {
  const at = reader.peek();
  if (at.kind === "name") return parseName(reader, parseExpression);
  if (at.kind !== "symbol" && at.kind !== "end") return parseLiteral(reader);
  if (reader.accept("(")) {
    const inner = parseExpression(reader);
    reader.expect(")");
    return inner;
  }
  if (reader.accept("[")) {
    return { kind: "list", at, items: reader.listUntil("]", () => parseExpression(reader)) };
  }
  if (reader.accept("{")) return parseMap(reader, at, parseExpression);
  if (reader.is("/")) return parsePath(reader, parseExpression);
  return reader.fail(`expected an expression, found ${reader.shown()}`);
}

function parseLiteral(reader: TokenReader): Literal {
  const at = reader.take();
  if (at.kind === "string") return { kind: "literal", at, value: unquote(at) };
  if (at.kind === "bytes") return { kind: "literal", at, value: unquoteBytes(at) };
  if (at.kind === "float") return { kind: "literal", at, value: Number(at.text) };
  const value = BigInt(at.text);
  if (value > MAX_INT) reader.fail("an integer must fit in 64 bits", at);
  return { kind: "literal", at, value };
}

function parseName(reader: TokenReader, parseExpression: Parse): Expression {
  const at = reader.take();
  const constant = CONSTANTS.get(at.text);
  if (constant !== undefined) return { kind: "literal", at, value: constant };
  if (NAMESPACE_NAMES.has(at.text)) return parseNamespace(reader, at, parseExpression);
  if (!reader.accept("(")) return { kind: "variable", at, name: at.text };
  const args = reader.listUntil(")", () => parseExpression(reader));
  return { kind: "call", at, name: at.text, args };
}

function parseNamespace(reader: TokenReader, at: Token, parseExpression: Parse): Expression {
  reader.expect(".");
  const name = reader.expectName(`a function of ${at.text}`);
  reader.expect("(");
  const args = reader.listUntil(")", () => parseExpression(reader));
  return { kind: "namespace", at, namespace: at.text, name: name.text, args };
}

function parseMap(reader: TokenReader, at: Token, parseExpression: Parse): Expression {
  const entries = reader.listUntil("}", (): readonly [string, Expression] => {
    const key = reader.take();
    if (key.kind !== "string")
      reader.fail(`a map key must be a string literal, found '${key.text}'`, key);
    reader.expect(":");
    return [unquote(key), parseExpression(reader)];
  });
  const keys = new Set(entries.map(([key]) => key));
  if (keys.size !== entries.length) reader.fail("a map literal repeats a key", at);
  return { kind: "map", at, entries };
}

/** `/a/$(b)/(default)`: ends at the first white space. */
function parsePath(reader: TokenReader, parseExpression: Parse): Expression {
  const at = reader.peek();
  const segments: Expression[] = [];
  while (reader.is("/") && (segments.length === 0 || !reader.peek().spaced)) {
    reader.take();
    if (reader.peek().spaced) {
      reader.fail(`expected a path segment right after '/', found white space`);
    }
    segments.push(parseSegment(reader, parseExpression));
  }
  return { kind: "path", at, segments };
}

function parseSegment(reader: TokenReader, parseExpression: Parse): Expression {
  const at = reader.peek();
  if (reader.accept("$(")) {
    const value = parseExpression(reader);
    reader.expect(")");
    return value;
  }
  return { kind: "literal", at, value: parseFixedSegment(reader) };
}

/** A segment written out: names, numbers and '-' without space between them, or `(default)`. */
export function parseFixedSegment(reader: TokenReader): string {
  if (reader.accept("(")) {
    const name = reader.expectName("a database name").text;
    reader.expect(")");
    return `(${name})`;
  }
  let text = "";
  while (isSegmentPart(reader.peek()) && (text === "" || !reader.peek().spaced)) {
    text += reader.take().text;
  }
  if (text === "") reader.fail(`expected a path segment, found ${reader.shown()}`);
  return text;
}

function isSegmentPart(token: Token): boolean {
  return token.kind === "name" || token.kind === "int" || token.text === "-";
}
