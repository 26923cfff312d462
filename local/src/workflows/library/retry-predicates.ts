/** The predicates and policies that `retry` may name, with Google's exact members: 500 is in neither. */
import type { Value } from "../value.ts";
import { isMap } from "../value.ts";
import type { ErrorTag } from "../workflow-error.ts";
import { hasTag } from "../workflow-error.ts";
import type { LibraryModule } from "./function.ts";
import { libraryFunction } from "./function.ts";

export const retryPredicates: LibraryModule = {
  "http.default_retry_predicate": libraryFunction(["exception"], ([error = null]) =>
    matches(
      error,
      [429, 502, 503, 504],
      ["ConnectionError", "ConnectionFailedError", "TimeoutError"],
    ),
  ),
  "http.default_retry_predicate_non_idempotent": libraryFunction(["exception"], ([error = null]) =>
    matches(error, [429, 503], ["ConnectionFailedError"]),
  ),
  "retry.always": libraryFunction(["exception"], () => true),
  "retry.never": libraryFunction(["exception"], () => false),
};

/** Seconds between attempts: starts at `initialDelay`, grows by `multiplier`, never exceeds `maxDelay`. */
export interface Backoff {
  readonly initialDelay: number;
  readonly maxDelay: number;
  readonly multiplier: number;
}

export const DEFAULT_BACKOFF: Backoff = { initialDelay: 1, maxDelay: 60, multiplier: 1.25 };

/** Complete policies, by the name a `retry:` line gives. */
export const RETRY_POLICIES: Readonly<Record<string, { predicate: string; maxRetries: number }>> = {
  "http.default_retry": { predicate: "http.default_retry_predicate", maxRetries: 5 },
  "http.default_retry_non_idempotent": {
    predicate: "http.default_retry_predicate_non_idempotent",
    maxRetries: 5,
  },
};

function matches(error: Value, codes: readonly number[], tags: readonly ErrorTag[]): boolean {
  const code = isMap(error) ? error["code"] : undefined;
  const isHttp = typeof code === "number" && codes.includes(code);
  return isHttp || tags.some((tag) => hasTag(error, tag));
}
