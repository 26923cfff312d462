/** A cursor over tokens with the few moves a recursive-descent parser needs. */
import { tokenize, type Token } from "./lexer.ts";
import { LIMITS } from "./limits.ts";
import { RulesSyntaxError, type Position } from "./rules-syntax-error.ts";

export class TokenReader {
  readonly #tokens: readonly Token[];
  #next = 0;
  #nesting = 0;

  constructor(source: string) {
    this.#tokens = tokenize(source);
  }

  peek(ahead = 0): Token {
    const token = this.#tokens[this.#next + ahead] ?? this.#tokens.at(-1);
    if (token === undefined) throw new Error("a token list ends with an end token");
    return token;
  }

  take(): Token {
    const token = this.peek();
    if (token.kind !== "end") this.#next += 1;
    return token;
  }

  /** Whether the next token is this symbol or keyword. */
  is(text: string): boolean {
    const token = this.peek();
    return token.text === text && (token.kind === "symbol" || token.kind === "name");
  }

  /** Takes the token if it is this symbol or keyword. */
  accept(text: string): boolean {
    if (!this.is(text)) return false;
    this.take();
    return true;
  }

  expect(text: string): Token {
    if (!this.is(text)) this.fail(`expected '${text}', found ${this.shown()}`);
    return this.take();
  }

  expectName(what: string): Token {
    if (this.peek().kind !== "name") this.fail(`expected ${what}, found ${this.shown()}`);
    return this.take();
  }

  /** `parse` separated by commas up to `close`, which is taken. */
  listUntil<T>(close: string, parse: () => T): readonly T[] {
    const items: T[] = [];
    if (this.accept(close)) return items;
    do {
      items.push(parse());
    } while (this.accept(","));
    this.expect(close);
    return items;
  }

  /** Runs `parse` one level deeper; too deep is refused before the stack is at risk. */
  nested<T>(parse: () => T): T {
    this.#nesting += 1;
    if (this.#nesting > LIMITS.nesting) this.fail(`nesting deeper than ${LIMITS.nesting} levels`);
    const result = parse();
    this.#nesting -= 1;
    return result;
  }

  fail(what: string, at: Position = this.peek()): never {
    throw new RulesSyntaxError(what, at);
  }

  /** The next token as a message names it. */
  shown(): string {
    const token = this.peek();
    return token.kind === "end" ? "the end of the file" : `'${token.text}'`;
  }
}
