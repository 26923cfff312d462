/** Reads the arguments of functions and methods; a wrong type is an evaluation error. */
import { EvaluationError } from "./evaluation-error.ts";
import {
  isNumber,
  kindOf,
  type LatLng,
  type List,
  type RulesMap,
  type RulesSet,
  type Value,
} from "./values.ts";

export interface Method<Receiver extends Value = Value> {
  /** Exact number of arguments. */
  readonly arity: number;
  run(receiver: Receiver, args: readonly Value[]): Value;
}

export type MethodTable<Receiver extends Value = Value> = Readonly<
  Record<string, Method<Receiver>>
>;

function wrong(expected: string, value: Value | undefined): never {
  throw new EvaluationError(
    `expected ${expected}, found ${value === undefined ? "nothing" : kindOf(value)}`,
  );
}

export function stringAt(args: readonly Value[], index: number): string {
  const value = args[index];
  return typeof value === "string" ? value : wrong("a string", value);
}

export function intAt(args: readonly Value[], index: number): bigint {
  const value = args[index];
  return typeof value === "bigint" ? value : wrong("an int", value);
}

export function numberAt(args: readonly Value[], index: number): bigint | number {
  const value = args[index] ?? null;
  return isNumber(value) ? value : wrong("a number", value);
}

export function mapAt(args: readonly Value[], index: number): RulesMap {
  const value = args[index];
  if (typeof value === "object" && value?.kind === "map") return value;
  return wrong("a map", value);
}

export function listAt(args: readonly Value[], index: number): List {
  const value = args[index];
  return typeof value === "object" && value?.kind === "list" ? value : wrong("a list", value);
}

export function setAt(args: readonly Value[], index: number): RulesSet {
  const value = args[index];
  return typeof value === "object" && value?.kind === "set" ? value : wrong("a set", value);
}

export function latLngAt(args: readonly Value[], index: number): LatLng {
  const value = args[index];
  return typeof value === "object" && value?.kind === "latlng" ? value : wrong("a latlng", value);
}

/** The members of a list or a set. */
export function itemsAt(args: readonly Value[], index: number): readonly Value[] {
  const value = args[index];
  if (typeof value === "object" && (value?.kind === "list" || value?.kind === "set")) {
    return value.items;
  }
  return wrong("a list or a set", value);
}

const MIN_INT = -(2n ** 63n);
const MAX_INT = 2n ** 63n - 1n;

/** An int of the language has 64 bits; leaving them is an error, never a wrap-around. */
export function int64(value: bigint): bigint {
  if (value < MIN_INT || value > MAX_INT) throw new EvaluationError("the int overflows 64 bits");
  return value;
}

/** A float that is whole and finite, as an int. */
export function intFromFloat(value: number): bigint {
  if (!Number.isFinite(value)) throw new EvaluationError(`${value} has no int value`);
  return int64(BigInt(value));
}
