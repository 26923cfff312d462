/** `try`: repeats its body while the retry predicate agrees, then hands the error to `except`. */
import type { Backoff } from "../library/retry-predicates.ts";
import type { RetryPlan, TryAction } from "../program.ts";
import type { Frame, Outcome, Runner } from "../runner.ts";
import type { Template } from "../template.ts";
import { render } from "../template.ts";
import type { Value } from "../value.ts";
import { raised, WorkflowError } from "../workflow-error.ts";

export async function runTry(action: TryAction, frame: Frame, runner: Runner): Promise<Outcome> {
  try {
    return await runWithRetries(action, frame, runner);
  } catch (error) {
    if (!(error instanceof WorkflowError) || action.except === undefined) throw error;
    const scope = frame.scope.child();
    try {
      if (action.except.variable !== undefined) scope.declare(action.except.variable, error.value);
      return await runner.runBlock(action.except.block, frame.within(scope));
    } finally {
      scope.release();
    }
  }
}

async function runWithRetries(action: TryAction, frame: Frame, runner: Runner): Promise<Outcome> {
  const { retry } = action;
  if (retry === undefined) return runner.runStep(action.body, frame);
  const backoff = backoffOf(retry, frame);
  const maxRetries =
    retry.maxRetries === undefined
      ? Number.POSITIVE_INFINITY
      : numberOf(retry.maxRetries, frame, "max_retries");
  let delay = backoff.initialDelay;
  for (let retries = 0; ; retries++) {
    try {
      return await runner.runStep(action.body, frame);
    } catch (error) {
      if (!(error instanceof WorkflowError) || retries >= maxRetries) throw error;
      if (!(await isRetryable(retry, error.value, frame, runner))) throw error;
    }
    await runner.sleep(Math.min(delay, backoff.maxDelay));
    delay *= backoff.multiplier;
  }
}

async function isRetryable(
  retry: RetryPlan,
  error: Value,
  frame: Frame,
  runner: Runner,
): Promise<boolean> {
  return (await runner.call(retry.predicate, [error], frame)) === true;
}

function backoffOf(retry: RetryPlan, frame: Frame): Backoff {
  const { initialDelay, maxDelay, multiplier } = retry.backoff;
  return {
    initialDelay: numberOf(initialDelay, frame, "initial_delay"),
    maxDelay: numberOf(maxDelay, frame, "max_delay"),
    multiplier: numberOf(multiplier, frame, "multiplier"),
  };
}

function numberOf(amount: Template | number, frame: Frame, name: string): number {
  const value = typeof amount === "number" ? amount : render(amount, frame);
  if (typeof value === "number" && value >= 0) return value;
  throw raised("ValueError", `retry: ${name} must be a number of at least 0`);
}
