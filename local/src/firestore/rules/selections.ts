/** What `.name`, `[index]`, `[from:to]`, `is` and path segments make of values. */
import { EvaluationError } from "./evaluation-error.ts";
import { entryOf, kindOf, list, type Value } from "./values.ts";

export function truth(value: Value): boolean {
  if (typeof value === "boolean") return value;
  throw new EvaluationError(`expected a bool, found ${kindOf(value)}`);
}

export function memberOf(of: Value, name: string): Value {
  if (typeof of !== "object" || of?.kind !== "map") {
    throw new EvaluationError(`a ${kindOf(of)} has no field '${name}'`);
  }
  const found = entryOf(of, name);
  if (found === undefined) throw new EvaluationError(`there is no field '${name}'`);
  return found;
}

export function elementAt(of: Value, index: Value): Value {
  if (typeof of === "object" && of?.kind === "map") {
    if (typeof index !== "string") throw new EvaluationError("a map is indexed by a string");
    return memberOf(of, index);
  }
  const items = itemsOf(of);
  const found = typeof index === "bigint" && index >= 0n ? items[Number(index)] : undefined;
  if (found === undefined) throw new EvaluationError("the index is out of range");
  return found;
}

function itemsOf(of: Value): string | readonly Value[] {
  if (typeof of === "string") return of;
  if (typeof of === "object" && of?.kind === "list") return of.items;
  if (typeof of === "object" && of?.kind === "path") return of.segments;
  throw new EvaluationError(`a ${kindOf(of)} cannot be indexed`);
}

export function sliceOf(of: Value, from: Value, to: Value): Value {
  if (typeof from !== "bigint" || typeof to !== "bigint") {
    throw new EvaluationError("a slice needs two ints");
  }
  const length = itemsOf(of).length;
  if (from < 0n || from > to || to > length) {
    throw new EvaluationError("the slice is out of range");
  }
  if (typeof of === "string") return of.slice(Number(from), Number(to));
  if (typeof of === "object" && of?.kind === "list") {
    return list(of.items.slice(Number(from), Number(to)));
  }
  throw new EvaluationError(`a ${kindOf(of)} cannot be sliced`);
}

export function isOfType(value: Value, type: string): boolean {
  const kind = kindOf(value);
  return kind === type || (type === "number" && (kind === "int" || kind === "float"));
}

/** A segment must be one segment: text with a '/' could point anywhere else. */
export function pathSegments(value: Value): readonly string[] {
  if (typeof value === "object" && value?.kind === "path") return value.segments;
  if (typeof value !== "string") {
    throw new EvaluationError(`a ${kindOf(value)} cannot be a path segment`);
  }
  if (value === "" || value.includes("/")) {
    throw new EvaluationError("a path segment must not be empty or contain '/'");
  }
  return [value];
}
