/** Parses the regular expressions of `matches`, `split` and `replace`: the RE2 subset that is supported. */

/** Whether a character (code point) belongs to a class. */
export type CharTest = (char: number) => boolean;

export type PatternNode =
  | { readonly kind: "char"; readonly test: CharTest }
  | { readonly kind: "start" }
  | { readonly kind: "end" }
  | { readonly kind: "sequence"; readonly parts: readonly PatternNode[] }
  | { readonly kind: "choice"; readonly options: readonly PatternNode[] }
  | {
      readonly kind: "repeat";
      readonly part: PatternNode;
      readonly min: number;
      /** Infinity = without end. */
      readonly max: number;
      readonly lazy: boolean;
    };

/** The pattern is malformed or uses a construct outside the subset, which the message names. */
export class PatternError extends Error {
  override readonly name = "PatternError";
}

const MAX_REPEAT = 1_000;
const MAX_DEPTH = 50;

const isDigit: CharTest = (char) => char >= 48 && char <= 57;
const isWord: CharTest = (char) =>
  isDigit(char) || char === 95 || (char >= 65 && char <= 90) || (char >= 97 && char <= 122);
const isSpace: CharTest = (char) =>
  char === 32 || char === 9 || char === 10 || char === 12 || char === 13;
const not =
  (test: CharTest): CharTest =>
  (char) =>
    !test(char);

const CLASSES: Readonly<Record<string, CharTest>> = {
  d: isDigit,
  D: not(isDigit),
  w: isWord,
  W: not(isWord),
  s: isSpace,
  S: not(isSpace),
};
const CONTROL: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12 };

/** Parses a whole pattern; flags `i` and `s` may open it as `(?i)`, `(?s)` or `(?is)`. */
export function parsePattern(pattern: string): PatternNode {
  const flags = /^\(\?([is]{1,2})\)/.exec(pattern);
  const body = pattern.slice(flags?.[0].length ?? 0);
  return new PatternParser(body, flags?.[1] ?? "").parse();
}

class PatternParser {
  readonly #chars: readonly string[];
  readonly #flags: string;
  #at = 0;
  #depth = 0;

  constructor(pattern: string, flags: string) {
    this.#chars = Array.from(pattern);
    this.#flags = flags;
  }

  parse(): PatternNode {
    const node = this.#choice();
    if (this.#at < this.#chars.length) throw new PatternError("unmatched ')'");
    return node;
  }

  #peek(): string {
    return this.#chars[this.#at] ?? "";
  }

  #take(): string {
    const char = this.#chars[this.#at];
    if (char === undefined) throw new PatternError("the pattern ends too early");
    this.#at += 1;
    return char;
  }

  #choice(): PatternNode {
    const options = [this.#sequence()];
    while (this.#peek() === "|") {
      this.#take();
      options.push(this.#sequence());
    }
    const [only] = options;
    return options.length === 1 && only !== undefined ? only : { kind: "choice", options };
  }

  #sequence(): PatternNode {
    const parts: PatternNode[] = [];
    while (this.#at < this.#chars.length && this.#peek() !== "|" && this.#peek() !== ")") {
      parts.push(this.#repeat(this.#atom()));
    }
    return { kind: "sequence", parts };
  }

  #repeat(part: PatternNode): PatternNode {
    const bounds = this.#bounds();
    if (bounds === null) return part;
    if (part.kind === "start" || part.kind === "end") throw new PatternError("an anchor repeats");
    const lazy = this.#peek() === "?";
    if (lazy) this.#take();
    if ("*+?{".includes(this.#peek()) && this.#peek() !== "") {
      throw new PatternError("a repetition repeats");
    }
    return { kind: "repeat", part, ...bounds, lazy };
  }

  #bounds(): { readonly min: number; readonly max: number } | null {
    const simple = { "*": [0, Infinity], "+": [1, Infinity], "?": [0, 1] }[this.#peek()];
    if (simple !== undefined) {
      this.#take();
      return { min: simple[0] ?? 0, max: simple[1] ?? 0 };
    }
    if (this.#peek() !== "{") return null;
    const counted = /^\{(\d{1,4})(,(\d{0,4}))?\}/.exec(this.#chars.slice(this.#at).join(""));
    if (counted === null) throw new PatternError("'{' does not begin a count: escape it");
    this.#at += counted[0].length;
    const min = Number(counted[1]);
    const max = counted[2] === undefined ? min : Number(counted[3] || Infinity);
    if (min > MAX_REPEAT || (max > MAX_REPEAT && max !== Infinity) || max < min) {
      throw new PatternError(`a count must rise and stay within ${MAX_REPEAT}`);
    }
    return { min, max };
  }

  #atom(): PatternNode {
    const char = this.#take();
    if (char === "(") return this.#group();
    if (char === "^") return { kind: "start" };
    if (char === "$") return { kind: "end" };
    if (char === ".") {
      const dotAll = this.#flags.includes("s");
      return { kind: "char", test: (point) => dotAll || point !== 10 };
    }
    if (char === "[") return { kind: "char", test: this.#class() };
    if ("*+?{}]".includes(char)) throw new PatternError(`'${char}' stands alone: escape it`);
    return { kind: "char", test: char === "\\" ? this.#escape() : this.#literal(pointOf(char)) };
  }

  #group(): PatternNode {
    if (this.#peek() === "?") {
      this.#take();
      if (this.#take() !== ":") throw new PatternError("only (?:...) groups are supported");
    }
    this.#depth += 1;
    if (this.#depth > MAX_DEPTH) throw new PatternError(`groups nest deeper than ${MAX_DEPTH}`);
    const node = this.#choice();
    if (this.#take() !== ")") throw new PatternError("expected ')'");
    this.#depth -= 1;
    return node;
  }

  #escape(): CharTest {
    const char = this.#take();
    return CLASSES[char] ?? this.#literal(this.#escapedPoint(char));
  }

  #escapedPoint(char: string): number {
    const control = CONTROL[char];
    if (control !== undefined) return control;
    if (/[A-Za-z0-9]/.test(char)) throw new PatternError(`'\\${char}' is not supported`);
    return pointOf(char);
  }

  #literal(point: number): CharTest {
    return this.#range(point, point);
  }

  #range(from: number, to: number): CharTest {
    const within: CharTest = (char) => char >= from && char <= to;
    if (!this.#flags.includes("i")) return within;
    return (char) => within(char) || within(otherCase(char));
  }

  #class(): CharTest {
    const negated = this.#peek() === "^";
    if (negated) this.#take();
    const tests: CharTest[] = [];
    do {
      tests.push(this.#classItem());
    } while (this.#peek() !== "]");
    this.#take();
    return (char) => tests.some((test) => test(char)) !== negated;
  }

  #classItem(): CharTest {
    const char = this.#take();
    if (char === "[") throw new PatternError("'[' inside a class must be escaped");
    if (char === "]") throw new PatternError("']' inside a class must be escaped");
    if (char === "\\" && CLASSES[this.#peek()] !== undefined) return this.#escape();
    const from = char === "\\" ? this.#escapedPoint(this.#take()) : pointOf(char);
    if (this.#peek() !== "-" || this.#chars[this.#at + 1] === "]") return this.#literal(from);
    this.#take();
    const last = this.#take();
    const to = last === "\\" ? this.#escapedPoint(this.#take()) : pointOf(last);
    if (to < from) throw new PatternError("a range in a class runs backwards");
    return this.#range(from, to);
  }
}

function pointOf(char: string): number {
  return char.codePointAt(0) ?? 0;
}

function otherCase(char: number): number {
  const text = String.fromCodePoint(char);
  const lower = text.toLowerCase();
  return pointOf(lower === text ? text.toUpperCase() : lower);
}
