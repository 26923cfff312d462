/** What the quoted tokens stand for; an escape that the language reference does not name is refused. */
import type { Token } from "./lexer.ts";
import { RulesSyntaxError } from "./rules-syntax-error.ts";
import type { Bytes } from "./values.ts";

const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  "\\": "\\",
  "'": "'",
  '"': '"',
};

export function unquote(token: Token): string {
  return token.text
    .slice(1, -1)
    .replaceAll(/\\(?:u([0-9a-fA-F]{4})|(.))/g, (_all, code?: string, letter = "") => {
      if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
      return ESCAPES[letter] ?? unknownEscape(letter, token);
    });
}

/** `b'...'`: characters as UTF-8, `\xHH` and `\OOO` as single bytes. */
export function unquoteBytes(token: Token): Bytes {
  const pieces = token.text
    .slice(2, -1)
    .matchAll(/\\x([0-9a-fA-F]{2})|\\([0-3][0-7]{2})|\\(.)|[^\\]+/g);
  const bytes = Array.from(pieces, ([piece, hex, octal, letter]) => {
    if (hex !== undefined) return Buffer.from([Number.parseInt(hex, 16)]);
    if (octal !== undefined) return Buffer.from([Number.parseInt(octal, 8)]);
    if (letter === undefined) return Buffer.from(piece);
    return Buffer.from(ESCAPES[letter] ?? unknownEscape(letter, token));
  });
  return { kind: "bytes", bytes: Buffer.concat(bytes) };
}

function unknownEscape(letter: string, at: Token): never {
  throw new RulesSyntaxError(`'\\${letter}' is no escape sequence`, at);
}
