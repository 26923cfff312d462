/** Module `map`. */
import type { Value, ValueMap } from "../value.ts";
import { isList, isMap, mapOf } from "../value.ts";
import type { LibraryModule } from "./function.ts";
import { libraryFunction, mapArgument, textArgument } from "./function.ts";

export const map: LibraryModule = {
  /** Null (or the default) for anything missing on the way, never an error. */
  "map.get": libraryFunction(["map", "keys", "default?"], (args) => {
    const keys = args[1] ?? null;
    let value: Value = args[0] ?? null;
    for (const key of isList(keys) ? keys : [keys]) {
      const found: Value | undefined =
        isMap(value) && typeof key === "string" && Object.hasOwn(value, key)
          ? value[key]
          : undefined;
      if (found === undefined) return args[2] ?? null;
      value = found;
    }
    return value;
  }),
  "map.delete": libraryFunction(["map", "key"], (args) => {
    const key = textArgument(args, 1, "map.delete");
    const entries = Object.entries(mapArgument(args, 0, "map.delete"));
    return mapOf(entries.filter(([name]) => name !== key));
  }),
  "map.merge": libraryFunction(["first", "second"], (args) =>
    mapOf([
      ...Object.entries(mapArgument(args, 0, "map.merge")),
      ...Object.entries(mapArgument(args, 1, "map.merge")),
    ]),
  ),
  "map.merge_nested": libraryFunction(["first", "second"], (args) =>
    mergeNested(mapArgument(args, 0, "map.merge_nested"), mapArgument(args, 1, "map.merge_nested")),
  ),
};

function mergeNested(first: ValueMap, second: ValueMap): ValueMap {
  const merged = new Map<string, Value>(Object.entries(first));
  for (const [key, value] of Object.entries(second)) {
    const old = merged.get(key) ?? null;
    merged.set(key, isMap(old) && isMap(value) ? mergeNested(old, value) : value);
  }
  return mapOf(merged);
}
