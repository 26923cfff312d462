/** Reads a workflow file into routines and visits their steps, without running or judging anything. */
import { parse } from "yaml";

export type Fields = Readonly<Record<string, unknown>>;

export interface WorkflowFile {
  readonly name: string;
  readonly routines: ReadonlyMap<string, Routine>;
}

export interface Routine {
  readonly name: string;
  readonly params: readonly string[];
  readonly steps: readonly unknown[];
}

export interface VisitedStep {
  readonly name: string;
  /** Names from the routine down, joined by dots. */
  readonly path: string;
  readonly fields: Fields;
  /** Whether a `try` with `retry` repeats this very call. */
  readonly isRetried: boolean;
}

/** @throws Error when the text is not YAML. */
export function readWorkflowFile(name: string, text: string): WorkflowFile {
  const parsed: unknown = parse(text);
  const routines = new Map<string, Routine>();
  for (const [routine, shape] of Object.entries(asFields(parsed))) {
    const { params, steps } = asFields(shape);
    routines.set(routine, {
      name: routine,
      params: asList(params).map((entry) =>
        typeof entry === "string" ? entry : (Object.keys(asFields(entry))[0] ?? ""),
      ),
      steps: asList(steps),
    });
  }
  return { name, routines };
}

/** Every step of a routine, outer ones first. */
export function* stepsOf(routine: Routine): Iterable<VisitedStep> {
  yield* stepsIn(routine.steps, routine.name);
}

/** Every list of steps of a routine: its own, and those of nested blocks. */
export function* blocksOf(routine: Routine): Iterable<{ path: string; steps: readonly unknown[] }> {
  yield { path: routine.name, steps: routine.steps };
  for (const step of stepsOf(routine)) {
    for (const steps of nestedLists(step.fields)) yield { path: step.path, steps };
  }
}

function* stepsIn(steps: readonly unknown[], parent: string): Iterable<VisitedStep> {
  for (const entry of steps) {
    for (const [name, body] of Object.entries(asFields(entry))) {
      yield* visit(name, `${parent}.${name}`, asFields(body), false);
    }
  }
}

function* visit(
  name: string,
  path: string,
  fields: Fields,
  isRetried: boolean,
): Iterable<VisitedStep> {
  yield { name, path, fields, isRetried };
  if (fields["try"] !== undefined) {
    const body = asFields(fields["try"]);
    const isCall = body["call"] !== undefined;
    if (isCall) yield* visit(name, path, body, fields["retry"] !== undefined);
  }
  for (const entry of asList(fields["switch"])) {
    const { condition, ...body } = asFields(entry);
    if (condition !== undefined) yield* visit(name, path, body, false);
  }
  for (const steps of nestedLists(fields)) yield* stepsIn(steps, path);
}

/** The step lists directly inside one step's fields. */
function nestedLists(fields: Fields): (readonly unknown[])[] {
  const parallel = asFields(fields["parallel"]);
  return [
    fields["steps"],
    asFields(fields["try"])["steps"],
    asFields(fields["except"])["steps"],
    asFields(fields["for"])["steps"],
    asFields(parallel["for"])["steps"],
    parallel["branches"],
  ]
    .map(asList)
    .filter((list) => list.length > 0);
}

export function asFields(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Fields)
    : {};
}

export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
