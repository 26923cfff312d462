/** Matches a compiled pattern on bytes, counting its steps. */
import { type Item, type Pattern, PatternError } from "./pattern.ts";

/** Of one search: some ten milliseconds. */
const MAX_STEPS = 1_000_000;
/** The length of a capture that holds a position. */
const POSITION = -1;

export class PatternMatcher {
  /** Of the last match, as offsets into the subject; `ends` holds POSITION for one that is a position. */
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  start = 0;
  end = 0;
  steps = 0;
  readonly pattern: Pattern;
  private readonly bytes: Uint8Array;
  private readonly base: number;
  private readonly length: number;

  /** The subject is `length` bytes from `base` on. */
  constructor(pattern: Pattern, bytes: Uint8Array, base: number, length: number) {
    this.pattern = pattern;
    this.bytes = bytes;
    this.base = base;
    this.length = length;
  }

  isPosition(capture: number): boolean {
    return this.ends[capture] === POSITION;
  }

  /** The first match from `from` on that does not end at `excludedEnd`; -1 excludes none. */
  find(from: number, excludedEnd: number): boolean {
    const last = this.pattern.isAnchored ? from : this.length;
    for (let start = from; start <= last; start++) {
      const end = this.match(start, 0);
      if (end >= 0 && end !== excludedEnd) {
        this.start = start;
        this.end = end;
        return true;
      }
    }
    return false;
  }

  /**
   * Where a match of the items from `index` on ends; -1 for none. Captures need no undoing: the path that matches in the end
   * writes all of them again.
   */
  private match(from: number, index: number): number {
    const { items } = this.pattern;
    let at = from;
    for (let i = index; i < items.length && at >= 0; i++) {
      const item = items[i];
      this.step(1);
      if (item === undefined) break;
      if (item.kind === "set" && item.repeat !== "") {
        return this.repeat(at, i, item.set, item.repeat);
      }
      at = this.pass(item, at);
    }
    return at;
  }

  /** Where an item that is not repeated ends; -1 when it does not match. */
  private pass(item: Item, at: number): number {
    switch (item.kind) {
      case "set":
        return this.has(item.set, at) ? at + 1 : -1;
      case "open":
        this.starts[item.capture] = at;
        return at;
      case "close":
        this.ends[item.capture] = at;
        return at;
      case "position":
        this.starts[item.capture] = at;
        this.ends[item.capture] = POSITION;
        return at;
      case "back":
        return this.again(at, item.capture);
      case "balance":
        return this.balanced(at, item.from, item.to);
      case "frontier":
        return this.isFrontier(item.set, at) ? at : -1;
      case "end":
        break;
    }
    return at === this.length ? at : -1;
  }

  private isFrontier(set: Uint8Array, at: number): boolean {
    return set[this.code(at - 1)] === 0 && set[this.code(at)] === 1;
  }

  private repeat(at: number, index: number, set: Uint8Array, how: "?" | "*" | "+" | "-"): number {
    if (how === "-") return this.shortest(at, index, set);
    const most = how === "?" ? 1 : Infinity;
    let count = 0;
    while (count < most && this.has(set, at + count)) count++;
    this.step(count);
    for (const least = how === "+" ? 1 : 0; count >= least; count--) {
      const end = this.match(at + count, index + 1);
      if (end >= 0) return end;
    }
    return -1;
  }

  private shortest(from: number, index: number, set: Uint8Array): number {
    for (let at = from; ; at++) {
      const end = this.match(at, index + 1);
      if (end >= 0) return end;
      if (!this.has(set, at)) return -1;
      this.step(1);
    }
  }

  private again(at: number, capture: number): number {
    const start = this.starts[capture] ?? 0;
    const end = this.ends[capture] ?? 0;
    // As in Lua, where a position is longer than any subject.
    if (end === POSITION) return -1;
    const length = end - start;
    this.step(length);
    if (length > this.length - at) return -1;
    for (let i = 0; i < length; i++) if (this.code(start + i) !== this.code(at + i)) return -1;
    return at + length;
  }

  private balanced(from: number, open: number, close: number): number {
    if (from >= this.length || this.code(from) !== open) return -1;
    let depth = 1;
    for (let at = from + 1; at < this.length; at++) {
      this.step(1);
      const code = this.code(at);
      if (code === close) {
        if (--depth === 0) return at + 1;
      } else if (code === open) depth++;
    }
    return -1;
  }

  private has(set: Uint8Array, at: number): boolean {
    return at < this.length && set[this.bytes[this.base + at] ?? 0] === 1;
  }

  /** Before the subject and after it stands a zero, for frontiers. */
  private code(at: number): number {
    return at < 0 || at >= this.length ? 0 : (this.bytes[this.base + at] ?? 0);
  }

  private step(count: number): void {
    this.steps += count;
    if (this.steps > MAX_STEPS) {
      throw new PatternError(
        `the pattern ${JSON.stringify(this.pattern.text)} takes more than ${MAX_STEPS} steps on ${this.length} bytes: use fewer repetitions, or an anchor`,
      );
    }
  }
}
