/** Finds the method a value has under a name; the tables are the whole supported set. */
import type { Method, MethodTable } from "./arguments.ts";
import { LIST_METHODS, SET_METHODS } from "./list-methods.ts";
import { MAP_DIFF_METHODS, MAP_METHODS } from "./map-methods.ts";
import { BYTES_METHODS, STRING_METHODS } from "./string-methods.ts";
import { DURATION_METHODS, LATLNG_METHODS, TIMESTAMP_METHODS } from "./time-methods.ts";
import type { KindName } from "./values.ts";

const TABLES: Readonly<Record<KindName, MethodTable>> = {
  null: {},
  bool: {},
  int: {},
  float: {},
  path: {},
  string: STRING_METHODS,
  bytes: BYTES_METHODS,
  timestamp: TIMESTAMP_METHODS,
  duration: DURATION_METHODS,
  latlng: LATLNG_METHODS,
  list: LIST_METHODS,
  set: SET_METHODS,
  map: MAP_METHODS,
  "map diff": MAP_DIFF_METHODS,
};

/** The methods of this name and number of arguments, by the kind of value that has them. */
export function methodsNamed(name: string, arity: number): ReadonlyMap<KindName, Method> {
  const found = new Map<KindName, Method>();
  for (const kind of KINDS) {
    const method = Object.hasOwn(TABLES[kind], name) ? TABLES[kind][name] : undefined;
    if (method?.arity === arity) found.set(kind, method);
  }
  return found;
}

const KINDS = Object.keys(TABLES) as readonly KindName[];

/** Argument counts under which any type has a method of this name; empty = there is none. */
export function aritiesOf(name: string): ReadonlySet<number> {
  const methods = Object.values(TABLES).flatMap((table) =>
    Object.hasOwn(table, name) ? [table[name]?.arity ?? 0] : [],
  );
  return new Set(methods);
}
