/** What can go wrong while an expression is evaluated; none of it ever allows a request. */

/** The expression has no value: `&&`, `||` may still decide without it, everything else passes it on. */
export class EvaluationError extends Error {
  override readonly name: string = "EvaluationError";
  /** Line of the innermost expression that failed; 0 until the evaluator fills it in. */
  line = 0;
}

/** A list query does not prove this value: it may differ between the documents the query could return. */
export class UnknownValueError extends EvaluationError {
  override readonly name = "UnknownValueError";
}

/** A limit of the rules runtime is exceeded; the whole request is denied, whatever other rules say. */
export class RulesLimitError extends Error {
  override readonly name = "RulesLimitError";
}
