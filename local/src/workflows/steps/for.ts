/** `for`: over a list, the keys of a map, or a range with both ends included. */
import type { Loop } from "../program.ts";
import type { Frame, Outcome, Runner } from "../runner.ts";
import { render } from "../template.ts";
import type { Value } from "../value.ts";
import { isList, isMap, typeName } from "../value.ts";
import { raised } from "../workflow-error.ts";

export async function runFor(loop: Loop, frame: Frame, runner: Runner): Promise<Outcome> {
  let index = 0;
  for (const item of itemsOf(loop, frame)) {
    const outcome = await runIteration(loop, frame, runner, item, index);
    index += 1;
    if (outcome === undefined) continue;
    if (outcome.kind === "return") return outcome;
    if (outcome.target === "break") return undefined;
    if (outcome.target !== "continue") return outcome;
  }
  return undefined;
}

async function runIteration(
  loop: Loop,
  frame: Frame,
  runner: Runner,
  item: Value,
  index: number,
): Promise<Outcome> {
  const scope = frame.scope.child();
  try {
    scope.declare(loop.variable, item);
    if (loop.index !== undefined) scope.declare(loop.index, index);
    return await runner.runBlock(loop.block, frame.within(scope));
  } finally {
    scope.release();
  }
}

/** The items a loop visits, in order; a range is produced one by one. */
export function itemsOf(loop: Loop, frame: Frame): Iterable<Value> {
  const value = render(loop.items.template, frame);
  if (loop.items.kind === "range") return rangeOf(value);
  if (isList(value)) return value;
  if (isMap(value)) return Object.keys(value);
  throw raised("TypeError", `for visits a list or a map, not ${typeName(value)}`);
}

function* rangeOf(value: Value): Iterable<Value> {
  const [first, last] = isList(value) && value.length === 2 ? value : [];
  if (typeof first !== "number" || typeof last !== "number") {
    throw raised("TypeError", "a range is a list of two numbers");
  }
  for (let at = first; at <= last; at++) yield at;
}
