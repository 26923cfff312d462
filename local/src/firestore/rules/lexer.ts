/** Source text of security rules to tokens. */
import { LIMITS } from "./limits.ts";
import { RulesSyntaxError, type Position } from "./rules-syntax-error.ts";

export type TokenKind = "name" | "int" | "float" | "string" | "symbol" | "end";

export interface Token extends Position {
  readonly kind: TokenKind;
  /** As written, quotes included. */
  readonly text: string;
  /** Offset after the last character. */
  readonly end: number;
  /** Whether white space or a comment stands before it: paths need this. */
  readonly spaced: boolean;
}

const SPACE = /(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)+/y;
const TOKENS: readonly (readonly [TokenKind, RegExp])[] = [
  ["float", /\d+\.\d+/y],
  ["int", /\d+/y],
  ["string", /'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/y],
  ["name", /[A-Za-z_][A-Za-z0-9_]*/y],
  ["symbol", /&&|\|\||==|!=|<=|>=|\*\*|\$\(|[-+*/%<>!?:;,.(){}[\]=]/y],
];

/** All tokens in order; the last one is of kind `end`. */
export function tokenize(source: string): readonly Token[] {
  if (Buffer.byteLength(source) > LIMITS.sourceBytes) {
    const at = { offset: 0, line: 1, column: 1 };
    throw new RulesSyntaxError(`the source exceeds ${LIMITS.sourceBytes} bytes`, "", at);
  }
  const tokens: Token[] = [];
  const cursor = { offset: 0, line: 1, column: 1 };
  let spaced = false;
  while (cursor.offset < source.length) {
    const space = matchAt(SPACE, source, cursor.offset);
    if (space !== null) {
      advance(cursor, space);
      spaced = true;
      continue;
    }
    const token = readToken(source, cursor, spaced);
    refuseExponent(tokens.at(-1), token, source);
    tokens.push(token);
    advance(cursor, token.text);
    spaced = false;
  }
  tokens.push({ ...cursor, kind: "end", text: "", end: cursor.offset, spaced });
  return tokens;
}

function readToken(source: string, at: Position, spaced: boolean): Token {
  for (const [kind, pattern] of TOKENS) {
    const text = matchAt(pattern, source, at.offset);
    if (text !== null) return { ...at, kind, text, end: at.offset + text.length, spaced };
  }
  const found = JSON.stringify(String.fromCodePoint(source.codePointAt(at.offset) ?? 0));
  throw new RulesSyntaxError(`unexpected ${found}`, source, at);
}

/** `1e3` is no literal in this language; without this it would read as `1` followed by a name. */
function refuseExponent(previous: Token | undefined, token: Token, source: string): void {
  const isNumber = previous?.kind === "int" || previous?.kind === "float";
  if (isNumber && token.kind === "name" && !token.spaced && /^[eE]\d*$/.test(token.text)) {
    throw new RulesSyntaxError("exponent literals are not supported", source, token);
  }
}

function matchAt(pattern: RegExp, source: string, offset: number): string | null {
  pattern.lastIndex = offset;
  return pattern.exec(source)?.[0] ?? null;
}

function advance(cursor: { offset: number; line: number; column: number }, text: string): void {
  cursor.offset += text.length;
  const newline = text.lastIndexOf("\n");
  if (newline < 0) {
    cursor.column += text.length;
    return;
  }
  cursor.line += text.split("\n").length - 1;
  cursor.column = text.length - newline;
}
