/**
 * Keeps what an expression builds small. A few `let`s that each double a text or nest a list in itself would
 * otherwise need more memory, or a comparison more time, than any machine has.
 */
import { RulesLimitError } from "./evaluation-error.ts";
import { LIMITS } from "./limits.ts";
import type { List, RulesMap, Value } from "./values.ts";

/** Refuses a text before it is built. */
export function checkTextLength(length: number): void {
  if (length > LIMITS.valueSize) {
    throw new RulesLimitError(`a text of more than ${LIMITS.valueSize} characters`);
  }
}

/** The list or map itself, if all it holds, counted as often as it occurs, stays below the limit. */
export function bounded<T extends List | RulesMap>(value: T): T {
  if (sizeOf(value) > LIMITS.valueSize) {
    throw new RulesLimitError(`a ${value.kind} of more than ${LIMITS.valueSize} values`);
  }
  return value;
}

const sizes = new WeakMap<object, number>();

function sizeOf(value: Value): number {
  if (typeof value !== "object" || value === null) return 1;
  const known = sizes.get(value);
  if (known !== undefined) return known;
  let size = 1;
  for (const part of partsOf(value)) size += sizeOf(part);
  sizes.set(value, size);
  return size;
}

function* partsOf(value: Exclude<Value, null>): Iterable<Value> {
  if (typeof value !== "object") return;
  if (value.kind === "list" || value.kind === "set") yield* value.items;
  if (value.kind === "path") yield* value.segments;
  if (value.kind === "map diff") yield* [value.before, value.after];
  if (value.kind === "map") {
    for (const key of value.entries.keys()) yield value.entries.get(key) ?? null;
  }
}
