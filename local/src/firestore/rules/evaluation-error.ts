/** What can go wrong while an expression is evaluated; none of it ever allows a request. */
import type { FieldFacts } from "./field-facts.ts";
import type { Position } from "./rules-syntax-error.ts";

/** The expression has no value: `&&`, `||` may still decide without it, everything else passes it on. */
export class EvaluationError extends Error {
  override readonly name: string = "EvaluationError";
  /** The innermost expression that failed; null until the evaluator fills it in. */
  at: Position | null = null;
}

/** A list query does not prove this value: it may differ between the documents the query could return. */
export class UnknownValueError extends EvaluationError {
  override readonly name = "UnknownValueError";
  /** What the query proves of the field all the same, for the comparison that asked for it. */
  readonly facts: FieldFacts | null;

  constructor(message: string, facts: FieldFacts | null = null) {
    super(message);
    this.facts = facts;
  }
}

/** A limit of the rules runtime is exceeded; the whole request is denied, whatever other rules say. */
export class RulesLimitError extends Error {
  override readonly name = "RulesLimitError";
}
