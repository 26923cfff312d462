/** If a list is allowed, every document it returns could be got under the same condition. */
import {
  array,
  assert,
  boolean,
  constantFrom,
  letrec,
  oneof,
  property,
  record,
  tuple,
} from "fast-check";
import { expect, test } from "vitest";
import type { FieldValue } from "../document.ts";
import { Query } from "../query/query.ts";
import { RpcError } from "../rpc-error.ts";
import {
  allowsGet,
  allowsList,
  COMPARISONS,
  FIELDS,
  FILTER_OPERATORS,
  readRules,
  ROOT,
  RULE_VALUES,
  SCALARS,
  store,
} from "./list-soundness-world.ts";

const scalar = constantFrom(...SCALARS);
const field = oneof({ weight: 3, arbitrary: scalar }, constantFrom(...FIELDS));

const NAMES = ["docs/a", "docs/b", "other/a", "docs/a/docs/a", "docs/b/other/a"];

/** A path of the data as filters and as rules write it. */
const PATHS: readonly (readonly [filter: string, rule: string])[] = [
  ["x", "resource.data.x"],
  ["y", "resource.data['y']"],
  ["x.x", "resource.data.x.x"],
];

const simpleFilter = oneof(
  tuple(constantFrom(...PATHS), constantFrom("EQUAL", "EQUAL", ...FILTER_OPERATORS), field).map(
    ([[fieldPath], op, value]) => ({ fieldFilter: { field: { fieldPath }, op, value } }),
  ),
  tuple(
    constantFrom(...PATHS),
    constantFrom("IN", "NOT_IN", "ARRAY_CONTAINS_ANY"),
    array(scalar, { minLength: 1, maxLength: 3 }),
  ).map(([[fieldPath], op, values]) => ({
    fieldFilter: { field: { fieldPath }, op, value: { arrayValue: { values } } },
  })),
  tuple(constantFrom(...PATHS), constantFrom("IS_NULL", "IS_NAN", "IS_NOT_NULL", "IS_NOT_NAN")).map(
    ([[fieldPath], op]) => ({ unaryFilter: { field: { fieldPath }, op } }),
  ),
  tuple(constantFrom(...NAMES), constantFrom("EQUAL", "GREATER_THAN")).map(([name, op]) => ({
    fieldFilter: {
      field: { fieldPath: "__name__" },
      op,
      value: { referenceValue: `${ROOT}/${name}` },
    },
  })),
);

const { filter } = letrec<{ filter: object }>((tie) => ({
  filter: oneof(
    { maxDepth: 2, withCrossShrink: true },
    simpleFilter,
    tuple(
      constantFrom("AND", "AND", "OR"),
      array(tie("filter"), { minLength: 1, maxLength: 3 }),
    ).map(([op, filters]) => ({ compositeFilter: { op, filters } })),
  ),
}));

const places = record({
  parent: constantFrom(ROOT, `${ROOT}/docs/a`),
  from: record({
    collectionId: constantFrom("docs", "docs", "docs", "other", ""),
    allDescendants: boolean(),
  }),
});

const path = constantFrom(...PATHS).map(([, rule]) => rule);
const ruleValue = constantFrom(...RULE_VALUES);
const operand = oneof(
  { weight: 4, arbitrary: path },
  { weight: 4, arbitrary: ruleValue },
  constantFrom("resource.id", "id", "collection", "resource.data", "resource.__name__"),
);

const { condition } = letrec<{ condition: string }>((tie) => ({
  condition: oneof(
    { maxDepth: 3, withCrossShrink: true },
    tuple(path, constantFrom(...COMPARISONS), ruleValue).map((parts) => parts.join(" ")),
    tuple(operand, constantFrom(...COMPARISONS), operand).map((parts) => parts.join(" ")),
    tuple(operand, constantFrom("string", "int", "number", "list", "map", "bool")).map(
      ([of, type]) => `${of} is ${type}`,
    ),
    constantFrom(
      "'x' in resource.data",
      "'y' in resource.data",
      "resource.data.x.hasAny(['a'])",
      "resource.data.get('y', 1) == 1",
      "resource.data.keys().hasOnly(['x', 'y'])",
      "resource.data.x in ['a', 'b', 1]",
      "isSmall(resource.data)",
    ),
    tuple(tie("condition"), constantFrom("&&", "||"), tie("condition")).map(
      ([left, operator, right]) => `(${left}) ${operator} (${right})`,
    ),
    tie("condition").map((inner) => `!(${inner})`),
  ),
}));

const PATTERNS = [
  "/{collection}/{id}",
  "/{collection}/{id}",
  "/{up=**}/{collection}/{id}",
  "/docs/a",
  "/{up=**}/docs/{id}",
];

function rulesFor(pattern: string, text: string) {
  const named = pattern.includes("{collection}") ? text : text.replaceAll("collection", "'docs'");
  const bound = pattern.includes("{id}") ? named : named.replaceAll(/(?<!\.)\bid\b/g, "'a'");
  return readRules(pattern, bound);
}

/** Null for a query that is refused before the rules are asked. */
function acceptable(parent: string, query: object): Query | null {
  try {
    return new Query(parent, { ...query });
  } catch (error) {
    if (error instanceof RpcError && error.status === "INVALID_ARGUMENT") return null;
    throw error;
  }
}

test("what is listed may be got, for rules and queries of any shape", () => {
  const found = { allowed: 0, documents: 0 };
  const numRuns = 4_000;
  assert(
    property(
      constantFrom(...PATTERNS),
      condition,
      filter,
      places,
      (pattern, text, where, place) => {
        const rules = rulesFor(pattern, text);
        const asked = acceptable(place.parent, { from: [place.from], where });
        if (asked === null || !allowsList(rules, asked)) return;
        found.allowed += 1;
        for (const one of asked.run(store)) {
          found.documents += 1;
          expect({ listed: one, allowed: allowsGet(rules, one) }).toMatchObject({ allowed: true });
        }
      },
    ),
    { numRuns },
  );
  console.log(`${found.allowed} of ${numRuns} lists allowed, ${found.documents} documents in them`);
  expect(found.allowed).toBeGreaterThan(50);
});

const onX = (op: string, value: FieldValue) => ({
  fieldFilter: { field: { fieldPath: "x" }, op, value },
});
const unary = (op: string) => ({ unaryFilter: { op, field: { fieldPath: "x" } } });
const both = (...filters: readonly object[]) => ({ compositeFilter: { op: "AND", filters } });
const valuesOf = (...values: readonly FieldValue[]): FieldValue => ({ arrayValue: { values } });

/** Every simple filter of one field, and ranges between a few values. */
function filtersOfX(): readonly object[] {
  const limits = SCALARS.filter((_value, index) => [4, 5, 8, 13, 16, 17].includes(index));
  const ranges = limits.flatMap((low) =>
    limits.flatMap((high) => [
      both(onX("GREATER_THAN", low), onX("LESS_THAN_OR_EQUAL", high)),
      both(onX("GREATER_THAN_OR_EQUAL", low), onX("LESS_THAN", high)),
    ]),
  );
  const pairs = SCALARS.map((one, index) =>
    valuesOf(one, SCALARS[index + 1] ?? { nullValue: null }),
  );
  return [
    ...FILTER_OPERATORS.flatMap((op) => {
      const operands = op === "EQUAL" || op === "NOT_EQUAL" ? FIELDS : SCALARS;
      return operands.map((one) => onX(op, one));
    }),
    ...["IN", "NOT_IN", "ARRAY_CONTAINS_ANY"].flatMap((op) => pairs.map((two) => onX(op, two))),
    ...["IS_NULL", "IS_NAN", "IS_NOT_NULL", "IS_NOT_NAN"].map(unary),
    ...ranges,
  ];
}

/** Every comparison of that field, both ways around, and its negation. */
function conditionsOnX(): readonly string[] {
  const comparisons = COMPARISONS.flatMap((operator) =>
    RULE_VALUES.flatMap((text) => [
      `resource.data.x ${operator} ${text}`,
      `${text} ${operator} resource.data.x`,
    ]),
  );
  return comparisons.flatMap((text) => [text, `!(${text})`]);
}

test("what is listed may be got, for every filter and every comparison of one field", () => {
  const from = [{ collectionId: "docs" }];
  const queries = filtersOfX().map((where) => {
    const query = new Query(ROOT, { from, where });
    return { where, query, found: query.run(store) };
  });
  let allowed = 0;
  const leaks: string[] = [];
  for (const text of conditionsOnX()) {
    const rules = readRules("/docs/{id}", text);
    const readable = new Set([...store.under(ROOT)].filter((one) => allowsGet(rules, one)));
    for (const { where, query, found } of queries) {
      if (!allowsList(rules, query)) continue;
      allowed += 1;
      const leaked = found.filter((one) => !readable.has(one));
      if (leaked.length > 0) leaks.push(JSON.stringify({ text, where, leaked }));
    }
  }
  expect(leaks).toEqual([]);
  console.log(`${queries.length} filters, ${conditionsOnX().length} conditions, ${allowed} proofs`);
  expect(allowed).toBeGreaterThan(4_000);
});
