/** Methods of maps and of what `map.diff` answers. */
import { mapAt, type MethodTable } from "./arguments.ts";
import { EvaluationError } from "./evaluation-error.ts";
import { looselyEqual } from "./equality.ts";
import {
  completeEntries,
  entryOf,
  list,
  type Entries,
  type MapDiff,
  type RulesMap,
  type Value,
} from "./values.ts";

/** `get(key, default)`, `get([outer, inner], default)`: never an error for a missing key. */
function lookUp(from: RulesMap, keys: readonly Value[], otherwise: Value): Value {
  let value: Value = from;
  for (const key of keys) {
    if (typeof key !== "string") throw new EvaluationError("get: a key must be a string");
    if (typeof value !== "object" || value?.kind !== "map") return otherwise;
    const found = entryOf(value, key);
    if (found === undefined) return otherwise;
    value = found;
  }
  return value;
}

function keysOf(key: Value | undefined): readonly Value[] {
  if (typeof key === "object" && key?.kind === "list") return key.items;
  return [key ?? null];
}

function valuesOf(entries: Entries): readonly Value[] {
  return Array.from(entries.keys(), (key) => entries.get(key) ?? null);
}

export const MAP_METHODS: MethodTable<RulesMap> = {
  size: { arity: 0, run: (receiver) => BigInt(completeEntries(receiver).size) },
  keys: { arity: 0, run: (receiver) => list([...completeEntries(receiver).keys()]) },
  values: { arity: 0, run: (receiver) => list(valuesOf(completeEntries(receiver))) },
  get: {
    arity: 2,
    run: (receiver, args) => lookUp(receiver, keysOf(args[0]), args[1] ?? null),
  },
  diff: {
    arity: 1,
    run: (receiver, args) => ({ kind: "map diff", before: mapAt(args, 0), after: receiver }),
  },
};

type Change = "added" | "removed" | "changed" | "unchanged";

function keysWhere({ before, after }: MapDiff, wanted: readonly Change[]): Value {
  const was = completeEntries(before);
  const is = completeEntries(after);
  const keys = new Set([...was.keys(), ...is.keys()]);
  const items = [...keys].filter((key) => wanted.includes(changeOf(was.get(key), is.get(key))));
  return { kind: "set", items };
}

function changeOf(was: Value | undefined, is: Value | undefined): Change {
  if (was === undefined) return "added";
  if (is === undefined) return "removed";
  return looselyEqual(was, is) ? "unchanged" : "changed";
}

export const MAP_DIFF_METHODS: MethodTable<MapDiff> = {
  addedKeys: { arity: 0, run: (diff) => keysWhere(diff, ["added"]) },
  removedKeys: { arity: 0, run: (diff) => keysWhere(diff, ["removed"]) },
  changedKeys: { arity: 0, run: (diff) => keysWhere(diff, ["changed"]) },
  unchangedKeys: { arity: 0, run: (diff) => keysWhere(diff, ["unchanged"]) },
  affectedKeys: { arity: 0, run: (diff) => keysWhere(diff, ["added", "removed", "changed"]) },
};
