/**
 * Regular expressions in time linear in the input: a pattern becomes a small program run on all alternatives
 * at once, so no pattern a rules file or a document brings can stall the server.
 */
import { PatternError, parsePattern, type CharTest, type PatternNode } from "./pattern-syntax.ts";

type Instruction =
  | { readonly op: "char"; readonly test: CharTest }
  | { readonly op: "start" }
  | { readonly op: "end" }
  | { readonly op: "jump"; to: number }
  /** Tries `first` before `second`. */
  | { readonly op: "split"; first: number; second: number }
  | { readonly op: "match" };

const MAX_INSTRUCTIONS = 5_000;
/** Steps of the machine for one call: instructions times characters. */
const MAX_WORK = 20_000_000;

export interface Pattern {
  /** Whether the pattern covers the whole text. */
  coversWhole(text: string): boolean;
  /** Parts of the text between matches, first match first; refuses patterns that match the empty text. */
  pieces(text: string): readonly string[];
}

const MAX_REMEMBERED = 200;
const remembered = new Map<string, Pattern>();

/** Compiles a pattern, or finds it among those used lately; throws `PatternError`. */
export function compilePattern(source: string): Pattern {
  const known = remembered.get(source);
  if (known !== undefined) return known;
  if (remembered.size >= MAX_REMEMBERED) remembered.clear();
  const pattern = compiled(source);
  remembered.set(source, pattern);
  return pattern;
}

function compiled(source: string): Pattern {
  const program: Instruction[] = [];
  emit(parsePattern(source), program);
  program.push({ op: "match" });
  return {
    coversWhole: (text) => {
      const chars = pointsOf(text, program.length);
      return run(program, chars, 0, true) === chars.length;
    },
    pieces: (text) => splitBy(program, pointsOf(text, program.length)),
  };
}

function pointsOf(text: string, instructions: number): readonly number[] {
  const points = Array.from(text, (char) => char.codePointAt(0) ?? 0);
  if (points.length * instructions > MAX_WORK) {
    throw new PatternError(`a text of ${points.length} characters is too long for this pattern`);
  }
  return points;
}

function add(program: Instruction[], instruction: Instruction): number {
  if (program.length >= MAX_INSTRUCTIONS) throw new PatternError("the pattern is too large");
  return program.push(instruction) - 1;
}

function emit(node: PatternNode, program: Instruction[]): void {
  switch (node.kind) {
    case "char":
      add(program, { op: "char", test: node.test });
      return;
    case "start":
    case "end":
      add(program, { op: node.kind });
      return;
    case "sequence":
      for (const part of node.parts) emit(part, program);
      return;
    case "choice":
      emitChoice(node.options, program);
      return;
    case "repeat":
      emitRepeat(node, program);
  }
}

function emitChoice(options: readonly PatternNode[], program: Instruction[]): void {
  const [first, ...rest] = options;
  if (first === undefined) return;
  if (rest.length === 0) {
    emit(first, program);
    return;
  }
  const split = { op: "split" as const, first: 0, second: 0 };
  split.first = add(program, split) + 1;
  emit(first, program);
  const jump = { op: "jump" as const, to: 0 };
  split.second = add(program, jump) + 1;
  emitChoice(rest, program);
  jump.to = program.length;
}

function emitRepeat(node: PatternNode & { kind: "repeat" }, program: Instruction[]): void {
  for (let count = 0; count < node.min; count += 1) emit(node.part, program);
  if (node.max === Infinity) {
    emitOptional(node, program, true);
    return;
  }
  for (let count = node.min; count < node.max; count += 1) emitOptional(node, program, false);
}

function emitOptional(
  node: PatternNode & { kind: "repeat" },
  program: Instruction[],
  loops: boolean,
): void {
  const split = { op: "split" as const, first: 0, second: 0 };
  const at = add(program, split);
  emit(node.part, program);
  if (loops) add(program, { op: "jump", to: at });
  split.first = node.lazy ? program.length : at + 1;
  split.second = node.lazy ? at + 1 : program.length;
}

/** End of the preferred match that begins at `from`, or -1; `whole` asks for one that ends with the text. */
function run(
  program: readonly Instruction[],
  chars: readonly number[],
  from: number,
  whole: boolean,
): number {
  let current = follow(program, [0], from, chars.length);
  let end = -1;
  for (let at = from; current.length > 0; at += 1) {
    const step = advance(program, current, chars[at], whole);
    if (step.matched) end = at;
    current = at < chars.length ? follow(program, step.next, at + 1, chars.length) : [];
  }
  return end;
}

/** Reads one character in every alternative; a match ends those that are less preferred. */
function advance(
  program: readonly Instruction[],
  current: readonly number[],
  char: number | undefined,
  whole: boolean,
): { readonly matched: boolean; readonly next: readonly number[] } {
  const next: number[] = [];
  for (const pc of current) {
    const instruction = program[pc];
    if (instruction?.op === "match" && (!whole || char === undefined)) {
      return { matched: true, next };
    }
    if (instruction?.op === "char" && char !== undefined && instruction.test(char)) {
      next.push(pc + 1);
    }
  }
  return { matched: false, next };
}

/** Every char or match instruction reachable without reading, in order of preference. */
function follow(
  program: readonly Instruction[],
  starts: readonly number[],
  at: number,
  length: number,
): readonly number[] {
  const reached: number[] = [];
  const seen = new Set<number>();
  const stack = starts.toReversed();
  for (let pc = stack.pop(); pc !== undefined; pc = stack.pop()) {
    if (seen.has(pc)) continue;
    seen.add(pc);
    const instruction = program[pc];
    if (instruction === undefined) continue;
    if (instruction.op === "char" || instruction.op === "match") reached.push(pc);
    else stack.push(...successors(instruction, pc, at, length));
  }
  return reached;
}

/** What may follow an instruction that reads nothing, the preferred one last (it is popped first). */
function successors(
  instruction: Exclude<Instruction, { op: "char" } | { op: "match" }>,
  pc: number,
  at: number,
  length: number,
): readonly number[] {
  if (instruction.op === "jump") return [instruction.to];
  if (instruction.op === "split") return [instruction.second, instruction.first];
  return at === (instruction.op === "start" ? 0 : length) ? [pc + 1] : [];
}

function splitBy(program: readonly Instruction[], chars: readonly number[]): readonly string[] {
  const pieces: string[] = [];
  let begin = 0;
  if (chars.length ** 2 * program.length > MAX_WORK) {
    throw new PatternError(`a text of ${chars.length} characters is too long for this pattern`);
  }
  for (let at = 0; at < chars.length;) {
    const end = run(program, chars, at, false);
    if (end === at) throw new PatternError("a separator must not match the empty text");
    if (end > at) {
      pieces.push(textOf(chars.slice(begin, at)));
      begin = end;
    }
    at = end > at ? end : at + 1;
  }
  pieces.push(textOf(chars.slice(begin)));
  return pieces;
}

function textOf(points: readonly number[]): string {
  return points.map((point) => String.fromCodePoint(point)).join("");
}
