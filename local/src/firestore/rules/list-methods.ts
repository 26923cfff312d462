/** Methods of lists and of sets. */
import { itemsAt, stringAt, type MethodTable } from "./arguments.ts";
import { EvaluationError } from "./evaluation-error.ts";
import { contains, list, set, type List, type RulesSet, type Value } from "./values.ts";

type Items = List | RulesSet;

/** The same for both: membership questions compare numbers by type. */
const SHARED: MethodTable<Items> = {
  size: { arity: 0, run: ({ items }) => BigInt(items.length) },
  hasAny: {
    arity: 1,
    run: ({ items }, args) => itemsAt(args, 0).some((item) => contains(items, item)),
  },
  hasAll: {
    arity: 1,
    run: ({ items }, args) => itemsAt(args, 0).every((item) => contains(items, item)),
  },
  /** Nothing but the given ones; they need not all be there. */
  hasOnly: {
    arity: 1,
    run: ({ items }, args) => items.every((item) => contains(itemsAt(args, 0), item)),
  },
};

function without(items: readonly Value[], others: readonly Value[]): readonly Value[] {
  return items.filter((item) => !contains(others, item));
}

function joined(items: readonly Value[], separator: string): string {
  return items
    .map((item) => {
      if (typeof item === "string") return item;
      throw new EvaluationError("join: every item must be a string");
    })
    .join(separator);
}

function itemsOfList(args: readonly Value[], method: string): readonly Value[] {
  const [value] = args;
  if (typeof value === "object" && value?.kind === "list") return value.items;
  throw new EvaluationError(`${method}: expected a list`);
}

export const LIST_METHODS: MethodTable<List> = {
  ...SHARED,
  concat: {
    arity: 1,
    run: ({ items }, args) => list([...items, ...itemsOfList(args, "concat")]),
  },
  join: { arity: 1, run: ({ items }, args) => joined(items, stringAt(args, 0)) },
  removeAll: {
    arity: 1,
    run: ({ items }, args) => list(without(items, itemsOfList(args, "removeAll"))),
  },
  toSet: { arity: 0, run: ({ items }) => set(items) },
};

export const SET_METHODS: MethodTable<RulesSet> = {
  ...SHARED,
  difference: { arity: 1, run: ({ items }, args) => set(without(items, itemsAt(args, 0))) },
  intersection: {
    arity: 1,
    run: ({ items }, args) => set(items.filter((item) => contains(itemsAt(args, 0), item))),
  },
  union: { arity: 1, run: ({ items }, args) => set([...items, ...itemsAt(args, 0)]) },
};
