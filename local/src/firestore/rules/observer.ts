/** Watches rules at work, for a report of what was never tried; costs nothing when nobody watches. */
import type { Position } from "./rules-syntax-error.ts";
import type { Expression } from "./syntax-tree.ts";
import type { Value } from "./values.ts";

/** What an expression came to: `value` is anything but a bool. */
export type Outcome = "true" | "false" | "value" | "error";

export interface RulesObserver {
  /** Every expression of the file, once, when it is compiled. */
  readonly compiled: (at: Position, kind: Expression["kind"]) => void;
  readonly evaluated: (at: Position, outcome: Outcome) => void;
}

export function outcomeOf(value: Value): Outcome {
  if (typeof value === "boolean") return value ? "true" : "false";
  return "value";
}
