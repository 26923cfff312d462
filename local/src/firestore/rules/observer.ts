/** Watches rules at work, for a report of what was never tried; costs nothing when nobody watches. */
import type { Allow, Expression } from "./syntax-tree.ts";
import type { Value } from "./values.ts";

/** What an expression came to: `value` is anything but a bool. */
export type Outcome = "true" | "false" | "value" | "error";

/** Told of each outcome of one node. */
export type Record = (outcome: Outcome) => void;

export interface RulesObserver {
  /** Asked once for every expression of the file. */
  readonly expression: (node: Expression) => Record;
  /** Asked once for every allow statement; it comes to true or to false, whatever its condition is. */
  readonly statement: (node: Allow) => Record;
}

export function outcomeOf(value: Value): Outcome {
  if (typeof value === "boolean") return value ? "true" : "false";
  return "value";
}
