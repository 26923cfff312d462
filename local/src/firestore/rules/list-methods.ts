/** Methods of lists and of sets; membership compares numbers by type. */
import { itemsAt, listAt, setAt, stringAt, type MethodTable } from "./arguments.ts";
import { distinct, isSubset, Members } from "./equality.ts";
import { EvaluationError } from "./evaluation-error.ts";
import { bounded, checkTextLength } from "./value-size.ts";
import { list, type List, type RulesSet, type Value } from "./values.ts";

function set(items: readonly Value[]): RulesSet {
  return { kind: "set", items: distinct(items) };
}

function without(items: readonly Value[], others: readonly Value[]): readonly Value[] {
  const members = new Members(others);
  return items.filter((item) => !members.has(item));
}

function among(items: readonly Value[], others: readonly Value[]): readonly Value[] {
  const members = new Members(others);
  return items.filter((item) => members.has(item));
}

function intersects(items: readonly Value[], others: readonly Value[]): boolean {
  const members = new Members(items);
  return others.some((item) => members.has(item));
}

function joined(items: readonly Value[], separator: string): string {
  let length = separator.length * items.length;
  const texts = items.map((item) => {
    if (typeof item !== "string") throw new EvaluationError("join: every item must be a string");
    length += item.length;
    return item;
  });
  checkTextLength(length);
  return texts.join(separator);
}

/** The arguments are lists: what a set does here is not documented. */
export const LIST_METHODS: MethodTable<List> = {
  size: { arity: 0, run: ({ items }) => BigInt(items.length) },
  hasAny: { arity: 1, run: ({ items }, args) => intersects(items, listAt(args, 0).items) },
  hasAll: { arity: 1, run: ({ items }, args) => isSubset(listAt(args, 0).items, items) },
  /** Nothing but the given ones; they need not all be there. */
  hasOnly: { arity: 1, run: ({ items }, args) => isSubset(items, listAt(args, 0).items) },
  concat: {
    arity: 1,
    run: ({ items }, args) => bounded(list([...items, ...listAt(args, 0).items])),
  },
  join: { arity: 1, run: ({ items }, args) => joined(items, stringAt(args, 0)) },
  removeAll: { arity: 1, run: ({ items }, args) => list(without(items, listAt(args, 0).items)) },
  toSet: { arity: 0, run: ({ items }) => set(items) },
};

/** Questions take a set or a list, operations a set. */
export const SET_METHODS: MethodTable<RulesSet> = {
  size: { arity: 0, run: ({ items }) => BigInt(items.length) },
  hasAny: { arity: 1, run: ({ items }, args) => intersects(items, itemsAt(args, 0)) },
  hasAll: { arity: 1, run: ({ items }, args) => isSubset(itemsAt(args, 0), items) },
  hasOnly: { arity: 1, run: ({ items }, args) => isSubset(items, itemsAt(args, 0)) },
  difference: { arity: 1, run: ({ items }, args) => set(without(items, setAt(args, 0).items)) },
  intersection: {
    arity: 1,
    run: ({ items }, args) => set(among(items, setAt(args, 0).items)),
  },
  union: { arity: 1, run: ({ items }, args) => set([...items, ...setAt(args, 0).items]) },
};
