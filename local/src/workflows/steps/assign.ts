/** `assign`: writes variables and their elements. Values are immutable, so writing an element copies the way to it. */
import { evaluate, lookUp } from "../evaluate.ts";
import type { Assignment } from "../program.ts";
import type { Frame, Outcome } from "../runner.ts";
import { render } from "../template.ts";
import type { Value } from "../value.ts";
import { isList, isMap, mapOf, typeName } from "../value.ts";
import { raised } from "../workflow-error.ts";

export function runAssign(assignments: readonly Assignment[], frame: Frame): Outcome {
  for (const { variable, path, value } of assignments) {
    const rendered = render(value, frame);
    if (path.length === 0) {
      frame.scope.write(variable, rendered);
      continue;
    }
    const keys = path.map((node) => evaluate(node, frame));
    frame.scope.write(variable, replaceAt(frame.read(variable), keys, rendered));
  }
  return undefined;
}

/** A copy of `container` in which the element at `keys` is `value`. */
function replaceAt(container: Value, keys: readonly Value[], value: Value): Value {
  const [key = null, ...rest] = keys;
  const replace = (old: Value): Value => (rest.length === 0 ? value : replaceAt(old, rest, value));
  if (isList(container)) {
    const old = lookUp(container, key);
    const at = Number(key) < 0 ? container.length + Number(key) : Number(key);
    return container.with(at, replace(old));
  }
  if (!isMap(container)) throw raised("TypeError", `cannot assign into ${typeName(container)}`);
  if (typeof key !== "string") {
    throw raised("TypeError", `a map key must be a string, not ${typeName(key)}`);
  }
  // The last key may be new; the ones before it must be there.
  const old = rest.length === 0 ? null : lookUp(container, key);
  return mapOf([...Object.entries(container), [key, replace(old)]]);
}
