/** The first few of many, in order, without sorting all of them. */
export function firstInOrder<T>(
  items: Iterable<T>,
  count: number,
  compare: (a: T, b: T) => number,
): T[] {
  let kept: T[] = [];
  /** Nothing that sorts behind this one can be among the first. */
  let bound: T | undefined;
  for (const item of items) {
    if (bound !== undefined && compare(item, bound) >= 0) continue;
    kept.push(item);
    // Sorting only when twice too many are there makes it cheap for each item.
    if (kept.length < 2 * count) continue;
    kept = kept.toSorted(compare).slice(0, count);
    bound = kept.at(-1);
  }
  return kept.toSorted(compare).slice(0, count);
}
