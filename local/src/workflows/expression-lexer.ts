/** Splits the text inside `${...}` into tokens. Operators written as words are case-insensitive. */

export type Token =
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "name"; readonly text: string }
  | { readonly kind: "word"; readonly operator: WordOperator; readonly text: string }
  | { readonly kind: "symbol"; readonly text: string }
  | { readonly kind: "end" };

export type WordOperator = "and" | "or" | "not" | "in";

/** The expression does not parse; `column` is counted from 1 inside the expression. */
export class ExpressionSyntaxError extends Error {
  override readonly name = "ExpressionSyntaxError";
  readonly column: number;
  constructor(message: string, column: number) {
    super(message);
    this.column = column;
  }
}

const NUMBER = /(?:\d+\.\d+|\d+)(?:[eE][+-]?\d+)?/y;
const NAME = /[A-Za-z_][A-Za-z0-9_]*/y;
const SYMBOL = /==|!=|<=|>=|\/\/|[-+*/%<>()[\]{},.:]/y;
const SPACE = /\s+/y;
const WORD_OPERATORS: ReadonlySet<string> = new Set(["and", "or", "not", "in"]);
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", b: "\b", f: "\f" };

/** @throws ExpressionSyntaxError at the first character that starts no token. */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const text = pattern.exec(source)?.[0];
    if (text !== undefined) at += text.length;
    return text;
  };
  for (;;) {
    take(SPACE);
    if (at >= source.length) break;
    const number = take(NUMBER);
    if (number !== undefined) {
      tokens.push({ kind: "number", value: Number(number) });
      continue;
    }
    const name = take(NAME);
    if (name !== undefined) {
      tokens.push(nameToken(name));
      continue;
    }
    const quote = source[at];
    if (quote === '"' || quote === "'") {
      const { value, end } = readString(source, at, quote);
      tokens.push({ kind: "string", value });
      at = end;
      continue;
    }
    const symbol = take(SYMBOL);
    if (symbol === undefined) {
      throw new ExpressionSyntaxError(`unexpected ${JSON.stringify(source[at])}`, at + 1);
    }
    tokens.push({ kind: "symbol", text: symbol });
  }
  tokens.push({ kind: "end" });
  return tokens;
}

function nameToken(text: string): Token {
  const lower = text.toLowerCase();
  return WORD_OPERATORS.has(lower)
    ? { kind: "word", operator: lower as WordOperator, text }
    : { kind: "name", text };
}

function readString(source: string, start: number, quote: string): { value: string; end: number } {
  let value = "";
  for (let at = start + 1; at < source.length; at++) {
    const char = source[at] ?? "";
    if (char === quote) return { value, end: at + 1 };
    if (char !== "\\") {
      value += char;
      continue;
    }
    at += 1;
    const escaped = source[at] ?? "";
    if (escaped === "u") {
      const code = /^[0-9a-fA-F]{4}$/.exec(source.slice(at + 1, at + 5))?.[0];
      if (code === undefined) {
        throw new ExpressionSyntaxError("\\u wants four hexadecimal digits", at);
      }
      value += String.fromCharCode(Number.parseInt(code, 16));
      at += 4;
    } else {
      value += ESCAPES[escaped] ?? escaped;
    }
  }
  throw new ExpressionSyntaxError("the string is not closed", start + 1);
}
