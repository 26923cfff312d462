/** Counters that travel as what was added since the last time, so that totals never fall, whoever dies. */

export type Counts =
  | number
  | readonly number[]
  | ReadonlyMap<string, number>
  | { readonly [key: string]: Counts };

/** Series of one map; the least that a scrape of a large platform can stand. */
export const MAX_SERIES = 1000;
const REST = "other";

/** Adds to one entry; beyond MAX_SERIES entries what is new goes to `other`. */
export function count(map: Map<string, number>, key: string, added = 1): void {
  const known = map.get(key);
  if (known !== undefined) map.set(key, known + added);
  else if (map.size < MAX_SERIES) map.set(key, added);
  else map.set(REST, (map.get(REST) ?? 0) + added);
}

/** `total` with `added`; neither is changed. Both have the same shape. */
export function plus<T extends Counts>(total: T, added: T): T {
  return combine(total, added) as T;
}

function combine(total: Counts | undefined, added: Counts): Counts {
  if (typeof added === "number") return (typeof total === "number" ? total : 0) + added;
  if (Array.isArray(added)) {
    const former = Array.isArray(total) ? (total as readonly number[]) : [];
    return (added as readonly number[]).map((value, index) => value + (former[index] ?? 0));
  }
  if (added instanceof Map) {
    const sum = new Map<string, number>(total instanceof Map ? total : []);
    for (const [key, value] of added as ReadonlyMap<string, number>) count(sum, key, value);
    return sum;
  }
  const former = (total ?? {}) as Readonly<Record<string, Counts>>;
  const entries = Object.entries(added as Readonly<Record<string, Counts>>);
  return {
    ...former,
    ...Object.fromEntries(entries.map(([key, value]) => [key, combine(former[key], value)])),
  };
}
