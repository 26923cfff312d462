/** `assign`: writes variables and their elements. Values are immutable, so writing an element copies the way to it. */
import { evaluate } from "../evaluate.ts";
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
  if (isList(container)) {
    if (typeof key !== "number" || !Number.isInteger(key)) {
      throw raised("TypeError", `a list index must be an integer, not ${typeName(key)}`);
    }
    const at = key < 0 ? container.length + key : key;
    const old = container[at];
    if (old === undefined) {
      throw raised("IndexError", `index ${key} is outside a list of ${container.length}`);
    }
    return container.with(at, rest.length === 0 ? value : replaceAt(old, rest, value));
  }
  if (isMap(container)) {
    if (typeof key !== "string") {
      throw raised("TypeError", `a map key must be a string, not ${typeName(key)}`);
    }
    const old = Object.hasOwn(container, key) ? container[key] : undefined;
    if (rest.length > 0 && old === undefined) throw raised("KeyError", `key not found: ${key}`);
    const replaced = rest.length === 0 ? value : replaceAt(old ?? null, rest, value);
    return mapOf([...Object.entries(container), [key, replaced]]);
  }
  throw raised("TypeError", `cannot assign into ${typeName(container)}`);
}
