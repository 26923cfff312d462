/**
 * Where a text stops being JSON, and names that an object has twice, of which JSON.parse keeps the last one silently. The
 * messages of JSON.parse quote what stands around a mistake, which may be a password: these never do.
 */

export interface JsonMistake {
  readonly line: number;
  readonly column: number;
  /** What was found there, without quoting the text. */
  readonly found: string;
  readonly allowed: string;
}

/** Deeper than any real file; keeps the recursion bounded. */
const DEEPEST = 32;

/** null = the text is JSON. */
export function jsonMistake(text: string): JsonMistake | null {
  const scan = new Scan(text);
  try {
    scan.document();
    return null;
  } catch (error) {
    if (error instanceof Stop) return { ...lineAndColumn(text, error.offset), ...error.what };
    throw error;
  }
}

interface What {
  readonly found: string;
  readonly allowed: string;
}

class Stop extends Error {
  readonly offset: number;
  readonly what: What;

  constructor(offset: number, what: What) {
    super(what.found);
    this.offset = offset;
    this.what = what;
  }
}

const BLANKS = /[ \t\r\n]*/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"/y; // oxlint-disable-line no-control-regex -- JSON forbids them
const PLAIN = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y;

class Scan {
  private readonly text: string;
  private offset = 0;

  constructor(text: string) {
    this.text = text;
  }

  document(): void {
    this.value(0);
    this.skipBlanks();
    if (this.offset < this.text.length) this.stop("the end of the file");
  }

  private value(depth: number): void {
    this.skipBlanks();
    const next = this.text[this.offset];
    if (depth > DEEPEST) this.stop(`at most ${DEEPEST} levels of objects and lists`);
    if (next === "{") this.members(depth);
    else if (next === "[") this.items(depth);
    else if (this.take(STRING) === null && this.take(PLAIN) === null) this.stop("a value");
  }

  private members(depth: number): void {
    const names = new Set<string>();
    this.sequence("}", () => {
      const start = this.offset;
      const name = this.take(STRING);
      if (name === null) this.stop("a name in double quotes");
      if (names.has(name)) this.repeated(start);
      names.add(name);
      this.skipBlanks();
      if (this.text[this.offset] !== ":") this.stop('":" behind the name');
      this.offset += 1;
      this.value(depth + 1);
    });
  }

  private items(depth: number): void {
    this.sequence("]", () => this.value(depth + 1));
  }

  private sequence(end: "}" | "]", one: () => void): void {
    this.offset += 1;
    this.skipBlanks();
    if (this.text[this.offset] === end) {
      this.offset += 1;
      return;
    }
    for (;;) {
      this.skipBlanks();
      one();
      this.skipBlanks();
      const next = this.text[this.offset];
      if (next !== "," && next !== end) this.stop(`"," or "${end}"`);
      this.offset += 1;
      if (next === end) return;
    }
  }

  private skipBlanks(): void {
    this.take(BLANKS);
  }

  private take(pattern: RegExp): string | null {
    pattern.lastIndex = this.offset;
    const found = pattern.exec(this.text)?.[0] ?? null;
    if (found !== null) this.offset = pattern.lastIndex;
    return found;
  }

  private stop(allowed: string): never {
    throw new Stop(this.offset, { found: this.described(), allowed });
  }

  private repeated(offset: number): never {
    const found = "a name that this object has already";
    throw new Stop(offset, { found, allowed: "each name once" });
  }

  private described(): string {
    const next = this.text[this.offset];
    if (next === undefined) return "the end of the file";
    if (next === "/" || next === "#") return "a comment, which JSON does not have";
    if (next === "}" || next === "]") return `"${next}"${this.follows(",") ? ' behind a ","' : ""}`;
    return next === '"' ? "a string" : "something else";
  }

  private follows(mark: string): boolean {
    return this.text.slice(0, this.offset).trimEnd().endsWith(mark);
  }
}

function lineAndColumn(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}
