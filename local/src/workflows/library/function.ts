/** How the standard library describes one function, and the checks its arguments share. */
import type { Value, ValueMap } from "../value.ts";
import { isList, isMap, typeName } from "../value.ts";
import { raised } from "../workflow-error.ts";

/** Facts and effects a library function may use; one per execution. */
export interface LibraryContext {
  /** Milliseconds since the epoch. */
  now(): number;
  newId(): string;
  readonly env: Readonly<Record<string, string>>;
}

/** A non-blocking function: usable in expressions and as a call step. */
export interface LibraryFunction {
  /** Names of the arguments, in order, as call steps give them. */
  readonly parameters: readonly string[];
  /** How many of them must be given. */
  readonly required: number;
  run(args: readonly Value[], context: LibraryContext): Value;
}

export type LibraryModule = Readonly<Record<string, LibraryFunction>>;

/** Describes a function; a parameter that ends in `?` may be left out and reads as null. */
export function libraryFunction(
  parameters: readonly string[],
  run: (args: readonly Value[], context: LibraryContext) => Value,
): LibraryFunction {
  return {
    parameters: parameters.map((name) => name.replace("?", "")),
    required: parameters.filter((name) => !name.endsWith("?")).length,
    run,
  };
}

export function textArgument(args: readonly Value[], at: number, name: string): string {
  const value = args[at] ?? null;
  if (typeof value === "string") return value;
  throw raised("TypeError", `${name}: expected a string, got ${typeName(value)}`);
}

export function numberArgument(args: readonly Value[], at: number, name: string): number {
  const value = args[at] ?? null;
  if (typeof value === "number") return value;
  throw raised("TypeError", `${name}: expected a number, got ${typeName(value)}`);
}

export function mapArgument(args: readonly Value[], at: number, name: string): ValueMap {
  const value = args[at] ?? null;
  if (isMap(value)) return value;
  throw raised("TypeError", `${name}: expected a map, got ${typeName(value)}`);
}

export function listArgument(args: readonly Value[], at: number, name: string): readonly Value[] {
  const value = args[at] ?? null;
  if (isList(value)) return value;
  throw raised("TypeError", `${name}: expected a list, got ${typeName(value)}`);
}

/** Bytes as they are, a string as UTF-8. */
export function bytesArgument(args: readonly Value[], at: number, name: string): Uint8Array {
  const value = args[at] ?? null;
  if (value instanceof Uint8Array) return value;
  if (typeof value === "string") return new TextEncoder().encode(value);
  throw raised("TypeError", `${name}: expected bytes or a string, got ${typeName(value)}`);
}

/** @throws WorkflowError `TypeError` naming the first argument that the call does not know. */
export function refuseUnknownArguments(
  call: string,
  args: ValueMap,
  known: readonly string[],
): void {
  const unknown = Object.keys(args).find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw raised("TypeError", `${call} has no parameter "${unknown}"; known: ${known.join(", ")}`);
}
