/** `string.find`, `match`, and what `gmatch` and `gsub` of the sandbox are made of. */
import { MAX_STRING_BYTES, type LuaState } from "./lua-state.ts";
import { HostRefusal } from "./lua-stack.ts";
import { compilePattern, type Pattern, PatternError } from "./pattern.ts";
import { PatternMatcher } from "./pattern-matcher.ts";

const MAX_PATTERN = 1024;
/** Compiled patterns kept, of all scripts of the process. */
const MAX_KEPT = 512;
/** Searches that took more steps make the state look at the clock. */
const MANY_STEPS = 5000;
const SPECIALS = /[\^$*+?.()[\]%-]/;

const kept = new Map<string, Pattern>();

export function definePatternFunctions(state: LuaState): void {
  state.define("host_find", guarded(find));
  state.define("host_match", guarded(match));
  state.define("host_step", guarded(step));
  state.define("host_replace", guarded(replace));
}

function guarded(target: (state: LuaState) => number): (state: LuaState) => number {
  return (state) => {
    try {
      return target(state);
    } catch (error) {
      if (error instanceof PatternError) throw new HostRefusal(error.message);
      throw error;
    }
  };
}

/** (subject, pattern, from, plain) → first, last, captures. */
function find(state: LuaState): number {
  const text = state.textAt(2) ?? "";
  if (state.scalarAt(4) === true || !SPECIALS.test(text)) return findPlain(state, text);
  const matcher = matcherFor(state, patternOf(patternAt(state), true), startAt(state));
  if (matcher === null) return noMatch(state);
  state.pushInteger(matcher.start + 1);
  state.pushInteger(matcher.end);
  return 2 + pushCaptures(state, matcher, false);
}

function findPlain(state: LuaState, text: string): number {
  const subject = state.bytesAt(1) ?? subjectMissing();
  const from = startOf(state, subject.length);
  if (from === null) return noMatch(state);
  const found = subject.indexOf(text, from, "latin1");
  if (found < 0) return noMatch(state);
  state.pushInteger(found + 1);
  state.pushInteger(found + text.length);
  return 2;
}

/** (subject, pattern, from) → captures, or the whole match. */
function match(state: LuaState): number {
  const matcher = matcherFor(state, patternOf(patternAt(state), true), startAt(state));
  return matcher === null ? noMatch(state) : pushCaptures(state, matcher, true);
}

/** (subject, pattern, from, excluded end, anchors) → first, last, captures or the whole match. */
function step(state: LuaState): number {
  const pattern = patternOf(patternAt(state), state.scalarAt(5) === true);
  const matcher = matcherFor(state, pattern, startAt(state), state.numberAt(4));
  if (matcher === null) return noMatch(state);
  state.pushInteger(matcher.start + 1);
  state.pushInteger(matcher.end);
  return 2 + pushCaptures(state, matcher, true);
}

/** (subject, pattern, replacement, at most) → text, count. */
function replace(state: LuaState): number {
  const subject = Buffer.from(state.bytesAt(1) ?? subjectMissing());
  const pattern = patternOf(patternAt(state), true);
  const parts = replacementParts(state.textAt(3) ?? "");
  const most = state.isNumber(4) ? state.numberAt(4) : Infinity;
  const matcher = new PatternMatcher(pattern, subject, 0, subject.length);
  let text = "";
  let from = 0;
  let excluded = -1;
  let count = 0;
  while (count < most && matcher.find(from, excluded)) {
    text += subject.toString("latin1", from, matcher.start) + filled(parts, matcher, subject);
    if (text.length > MAX_STRING_BYTES) {
      throw new HostRefusal(`a string may have at most ${MAX_STRING_BYTES} bytes`);
    }
    from = matcher.end;
    excluded = matcher.end;
    count++;
    if (pattern.isAnchored) break;
  }
  if (matcher.steps > MANY_STEPS) state.lookAtClock();
  state.pushText(text + subject.toString("latin1", from));
  state.pushInteger(count);
  return 2;
}

function noMatch(state: LuaState): number {
  state.pushNil();
  return 1;
}

/** Pieces of a replacement: text, or the number of a capture, 0 being the whole match. */
function replacementParts(text: string): (string | number)[] {
  const parts: (string | number)[] = [];
  for (const piece of text.match(/%[\s\S]?|[^%]+/g) ?? []) {
    if (!piece.startsWith("%")) parts.push(piece);
    else if (/^%\d$/.test(piece)) parts.push(Number(piece[1]));
    else if (piece === "%%") parts.push("%");
    else throw new HostRefusal(`a replacement may have %% and %0 to %9, not ${piece}`);
  }
  return parts;
}

function filled(
  parts: readonly (string | number)[],
  matcher: PatternMatcher,
  subject: Buffer,
): string {
  let text = "";
  for (const part of parts) {
    text += typeof part === "string" ? part : captured(matcher, part, subject);
  }
  return text;
}

function captured(matcher: PatternMatcher, number: number, subject: Buffer): string {
  const { captures } = matcher.pattern;
  if (number === 0 || (number === 1 && captures === 0)) {
    return subject.toString("latin1", matcher.start, matcher.end);
  }
  const index = number - 1;
  if (index >= captures) throw new HostRefusal(`the pattern has no capture %${number}`);
  const start = matcher.starts[index] ?? 0;
  if (matcher.isPosition(index)) return String(start + 1);
  return subject.toString("latin1", start, matcher.ends[index] ?? start);
}

function matcherFor(
  state: LuaState,
  pattern: Pattern,
  from: number | null,
  excludedEnd = -1,
): PatternMatcher | null {
  const subject = state.bytesAt(1) ?? subjectMissing();
  if (from === null) return null;
  const matcher = new PatternMatcher(pattern, subject, 0, subject.length);
  const isFound = matcher.find(from, excludedEnd);
  if (matcher.steps > MANY_STEPS) state.lookAtClock();
  return isFound ? matcher : null;
}

function pushCaptures(state: LuaState, matcher: PatternMatcher, orWhole: boolean): number {
  const { captures } = matcher.pattern;
  if (captures === 0) {
    if (orWhole) state.pushPart(1, matcher.start, matcher.end);
    return orWhole ? 1 : 0;
  }
  state.reserve(captures);
  for (let i = 0; i < captures; i++) {
    const start = matcher.starts[i] ?? 0;
    if (matcher.isPosition(i)) state.pushInteger(start + 1);
    else state.pushPart(1, start, matcher.ends[i] ?? start);
  }
  return captures;
}

function patternOf(text: string, mayBeAnchored: boolean): Pattern {
  const key = mayBeAnchored ? text : `\n${text}`;
  let pattern = kept.get(key);
  if (pattern === undefined) {
    if (kept.size >= MAX_KEPT) kept.clear();
    pattern = compilePattern(text, mayBeAnchored);
    kept.set(key, pattern);
  }
  return pattern;
}

function patternAt(state: LuaState): string {
  const text = state.textAt(2);
  if (text === null) throw new HostRefusal("a pattern must be a string");
  if (text.length > MAX_PATTERN)
    throw new HostRefusal(`a pattern has at most ${MAX_PATTERN} bytes`);
  return text;
}

/** The offset that argument 3 asks for; null past the end. */
function startAt(state: LuaState): number | null {
  return startOf(state, (state.bytesAt(1) ?? subjectMissing()).length);
}

function startOf(state: LuaState, length: number): number | null {
  const asked = state.isNumber(3) ? Math.trunc(state.numberAt(3)) : 1;
  const from = asked > 0 ? asked - 1 : asked === 0 ? 0 : Math.max(0, length + asked);
  return from > length ? null : from;
}

function subjectMissing(): never {
  throw new HostRefusal("a pattern is matched on a string");
}
