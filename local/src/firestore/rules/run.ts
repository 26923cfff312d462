/** The compiled form of expressions: functions of a frame. */
import type { Budget } from "./limits.ts";
import type { Captures } from "./match.ts";
import type { RulesRequest } from "./rules.ts";
import type { RulesMap, Value } from "./values.ts";

/** One request being decided. */
export interface Decision {
  readonly asked: RulesRequest;
  readonly budget: Budget;
  /** What the names `request` and `resource` mean. */
  readonly request: RulesMap;
  readonly resource: Value;
}

/** Variables visible to an expression. */
export interface Frame {
  readonly decision: Decision;
  readonly captures: Captures;
  /** Parameters, then `let`s, of the running function, by the index the compiler gave them. */
  readonly locals: Value[];
}

/** Throws `EvaluationError` when the expression has no value, `RulesLimitError` when a limit is reached. */
export type Run = (frame: Frame) => Value;
