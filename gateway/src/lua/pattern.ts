/**
 * Lua's patterns, matched on our side of the boundary so that their steps can be counted: matched in C, a pattern such as
 * `.-.-.-b` on a long subject runs for hours, and no hook reaches it there.
 */

/** Bytes by whether they match. */
type ByteSet = Uint8Array;

export type Item =
  | { readonly kind: "set"; readonly set: ByteSet; readonly repeat: "" | "?" | "*" | "+" | "-" }
  | { readonly kind: "open" | "close" | "position" | "back"; readonly capture: number }
  | { readonly kind: "balance"; readonly from: number; readonly to: number }
  | { readonly kind: "frontier"; readonly set: ByteSet }
  | { readonly kind: "end" };

export interface Pattern {
  readonly text: string;
  readonly isAnchored: boolean;
  readonly items: readonly Item[];
  readonly captures: number;
}

/** A pattern that is none, or one that takes too many steps; the message is for the author of the script. */
export class PatternError extends Error {}

const MAX_CAPTURES = 32;
/** As deep as the matcher calls itself. */
const MAX_REPEATS = 200;

export function compilePattern(text: string, mayBeAnchored: boolean): Pattern {
  return new Compiler(text, mayBeAnchored).compile();
}

class Compiler {
  private readonly text: string;
  private readonly isAnchored: boolean;
  private at: number;
  private readonly items: Item[] = [];
  private readonly open: number[] = [];
  private readonly closed = new Set<number>();
  private captures = 0;
  private repeats = 0;

  constructor(text: string, mayBeAnchored: boolean) {
    this.text = text;
    this.isAnchored = mayBeAnchored && text.startsWith("^");
    this.at = this.isAnchored ? 1 : 0;
  }

  compile(): Pattern {
    while (this.at < this.text.length) this.items.push(this.item());
    if (this.open.length > 0) throw this.malformed("a capture has no end");
    const { text, isAnchored, items, captures } = this;
    return { text, isAnchored, items, captures };
  }

  private item(): Item {
    const char = this.text[this.at];
    if (char === "(") return this.openCapture();
    if (char === ")") return this.closeCapture();
    if (char === "$" && this.at === this.text.length - 1) {
      this.at++;
      return { kind: "end" };
    }
    const escaped = char === "%" ? this.text[this.at + 1] : undefined;
    if (escaped === "b") return this.balance();
    if (escaped === "f") return this.frontier();
    if (escaped !== undefined && escaped >= "0" && escaped <= "9") return this.back(escaped);
    return this.repeated(this.single());
  }

  private openCapture(): Item {
    if (this.captures >= MAX_CAPTURES) throw this.malformed("it has too many captures");
    const capture = this.captures++;
    if (this.text[this.at + 1] === ")") {
      this.at += 2;
      this.closed.add(capture);
      return { kind: "position", capture };
    }
    this.at++;
    this.open.push(capture);
    return { kind: "open", capture };
  }

  private closeCapture(): Item {
    const capture = this.open.pop();
    if (capture === undefined) throw this.malformed("a capture has no beginning");
    this.at++;
    this.closed.add(capture);
    return { kind: "close", capture };
  }

  private balance(): Item {
    const from = this.text.charCodeAt(this.at + 2);
    const to = this.text.charCodeAt(this.at + 3);
    if (Number.isNaN(to)) throw this.malformed("%b takes two characters");
    this.at += 4;
    return { kind: "balance", from, to };
  }

  private frontier(): Item {
    this.at += 2;
    if (this.text[this.at] !== "[") throw this.malformed("%f takes a set in brackets");
    return { kind: "frontier", set: this.bracket() };
  }

  private back(digit: string): Item {
    const capture = Number(digit) - 1;
    if (!this.closed.has(capture)) throw this.malformed(`there is no capture %${digit} before it`);
    this.at += 2;
    return { kind: "back", capture };
  }

  private repeated(set: ByteSet): Item {
    const next = this.text[this.at];
    if (next !== "*" && next !== "+" && next !== "-" && next !== "?") {
      return { kind: "set", set, repeat: "" };
    }
    this.at++;
    if (++this.repeats > MAX_REPEATS)
      throw this.malformed(`it repeats more than ${MAX_REPEATS} times`);
    return { kind: "set", set, repeat: next };
  }

  private single(): ByteSet {
    const char = this.text[this.at];
    if (char === "[") return this.bracket();
    const set = new Uint8Array(256);
    if (char === ".") {
      this.at++;
      return set.fill(1);
    }
    this.addOne(set);
    return set;
  }

  /** A class such as %a, or a character, escaped or not. */
  private addOne(set: ByteSet): void {
    const char = this.text[this.at++];
    if (char !== "%") {
      set[this.text.charCodeAt(this.at - 1)] = 1;
      return;
    }
    if (this.at >= this.text.length) throw this.malformed("it ends with %");
    const code = this.text.charCodeAt(this.at++);
    const named = CLASSES.get(String.fromCharCode(code | 32));
    if (named === undefined) {
      set[code] = 1;
      return;
    }
    const isComplement = (code & 32) === 0;
    for (let i = 0; i < 256; i++) if (named(i) !== isComplement) set[i] = 1;
  }

  private bracket(): ByteSet {
    const set = new Uint8Array(256);
    this.at++;
    const isComplement = this.text[this.at] === "^";
    if (isComplement) this.at++;
    const end = this.bracketEnd();
    while (this.at < end) this.addToBracket(set, end);
    this.at++;
    return isComplement ? set.map((has) => 1 - has) : set;
  }

  /** Where the closing bracket is: one that comes first, or behind %, stands for itself. */
  private bracketEnd(): number {
    let at = this.at;
    do {
      if (at >= this.text.length) throw this.malformed("a ] is missing");
      at += this.text[at] === "%" ? 2 : 1;
    } while (this.text[at] !== "]");
    return at;
  }

  private addToBracket(set: ByteSet, end: number): void {
    const first = this.text.charCodeAt(this.at);
    if (first === PERCENT || this.text[this.at + 1] !== "-" || this.at + 2 >= end) {
      this.addOne(set);
      return;
    }
    const last = this.text.charCodeAt(this.at + 2);
    for (let code = first; code <= last; code++) set[code] = 1;
    this.at += 3;
  }

  private malformed(why: string): PatternError {
    return new PatternError(`malformed pattern ${JSON.stringify(this.text)}: ${why}`);
  }
}

const PERCENT = 37;

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}
function isLower(code: number): boolean {
  return code >= 97 && code <= 122;
}
function isUpper(code: number): boolean {
  return code >= 65 && code <= 90;
}
function isGraphic(code: number): boolean {
  return code > 32 && code < 127;
}
function isWord(code: number): boolean {
  return isDigit(code) || isLower(code) || isUpper(code);
}

const CLASSES: ReadonlyMap<string, (code: number) => boolean> = new Map([
  ["a", (code) => isLower(code) || isUpper(code)],
  ["c", (code) => code < 32 || code === 127],
  ["d", isDigit],
  ["g", isGraphic],
  ["l", isLower],
  ["p", (code) => isGraphic(code) && !isWord(code)],
  ["s", (code) => code === 32 || (code >= 9 && code <= 13)],
  ["u", isUpper],
  ["w", isWord],
  ["z", (code) => code === 0],
  ["x", (code) => isDigit(code) || ((code | 32) >= 97 && (code | 32) <= 102)],
]);
