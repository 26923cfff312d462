/** `parallel`: branches or iterations side by side; all run to their end, then errors are raised together. */
import { LIMITS } from "../limits.ts";
import type { ParallelAction } from "../program.ts";
import type { Frame, Outcome, Runner } from "../runner.ts";
import type { Scope } from "../scope.ts";
import { render } from "../template.ts";
import type { Value } from "../value.ts";
import { ExecutionCancelled, raised, WorkflowError } from "../workflow-error.ts";
import { itemsOf } from "./for.ts";

interface Branch {
  readonly id: string;
  run(): Promise<unknown>;
}

export async function runParallel(
  action: ParallelAction,
  frame: Frame,
  runner: Runner,
): Promise<Outcome> {
  const branches = branchesOf(action, frame, runner)[Symbol.iterator]();
  const failures: Value[] = [];
  const work = async (): Promise<void> => {
    for (let next = branches.next(); next.done !== true; next = branches.next()) {
      try {
        await next.value.run();
      } catch (error) {
        if (!(error instanceof WorkflowError)) throw error;
        failures.push({ id: next.value.id, error: error.value });
      }
    }
  };
  const width = concurrency(action, frame);
  const workers = await Promise.allSettled(Array.from({ length: width }, work));
  for (const worker of workers) if (worker.status === "rejected") throw worker.reason;
  if (runner.signal.aborted) throw new ExecutionCancelled();
  if (failures.length > 0) {
    const message = "One or more branches or iterations encountered an unhandled runtime error";
    throw raised("UnhandledBranchError", message, { branches: failures });
  }
  return undefined;
}

function* branchesOf(action: ParallelAction, frame: Frame, runner: Runner): Iterable<Branch> {
  const { work } = action;
  if (work.kind === "branches") {
    for (const block of work.branches) {
      const scope = frame.scope.branch(action.shared);
      const id = block.steps[0]?.name ?? "";
      yield { id, run: () => released(scope, runner.runBlock(block, frame.within(scope))) };
    }
    return;
  }
  let index = 0;
  for (const item of itemsOf(work.loop, frame)) {
    const scope = frame.scope.branch(action.shared);
    scope.declare(work.loop.variable, item);
    if (work.loop.index !== undefined) scope.declare(work.loop.index, index);
    const id = String(index);
    yield { id, run: () => released(scope, runner.runBlock(work.loop.block, frame.within(scope))) };
    index += 1;
  }
}

async function released(scope: Scope, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } finally {
    scope.release();
  }
}

function concurrency(action: ParallelAction, frame: Frame): number {
  if (action.concurrencyLimit === undefined) return LIMITS.concurrentBranches;
  const asked = render(action.concurrencyLimit, frame);
  if (typeof asked !== "number" || !Number.isInteger(asked) || asked < 1) {
    throw raised("ValueError", "concurrency_limit must be an integer of at least 1");
  }
  return Math.min(asked, LIMITS.concurrentBranches);
}
