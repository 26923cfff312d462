/** Source text of security rules to tokens. */
import { LIMITS } from "./limits.ts";
import { RulesSyntaxError, type Position } from "./rules-syntax-error.ts";

export type TokenKind = "name" | "int" | "float" | "string" | "bytes" | "symbol" | "end";

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
  ["bytes", /b(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")/y],
  ["name", /[A-Za-z_][A-Za-z0-9_]*/y],
  ["symbol", /&&|\|\||==|!=|<=|>=|\*\*|\$\(|[-+*/%<>!?:;,.(){}[\]=]/y],
];

/** All tokens in order; the last one is of kind `end`. */
export function tokenize(source: string): readonly Token[] {
  if (Buffer.byteLength(source) > LIMITS.sourceBytes) {
    const at = { offset: 0, line: 1, column: 1 };
    throw new RulesSyntaxError(`the source exceeds ${LIMITS.sourceBytes} bytes`, at);
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
    refuseGlued(tokens.at(-1), token);
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
  const isOpen = found === '"\'"' || found === String.raw`"\""`;
  const what = isOpen ? "a string that does not end on its line" : `unexpected ${found}`;
  throw new RulesSyntaxError(what, at);
}

/** `1e3` and `r'a'` are no literals here; without this they would read as two tokens and puzzle the reader. */
function refuseGlued(previous: Token | undefined, token: Token): void {
  if (previous === undefined || token.spaced) return;
  const isNumber = previous.kind === "int" || previous.kind === "float";
  if (isNumber && token.kind === "name" && /^[eE]\d*$/.test(token.text)) {
    throw new RulesSyntaxError("exponent literals are not supported", token);
  }
  if (previous.kind === "name" && token.kind === "string") {
    const what = `strings with the prefix '${previous.text}' are not supported: only b'...' is`;
    throw new RulesSyntaxError(what, previous);
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
