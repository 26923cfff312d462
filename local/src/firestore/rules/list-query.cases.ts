/** Queries, conditions, and whether the first prove the second: the table of list-query.test.ts. */
import { encode } from "./rules-world.ts";

export const ROOT = "projects/p/databases/(default)/documents";

export const where = (fieldPath: string, op: string, value: unknown) => ({
  fieldFilter: { field: { fieldPath }, op, value: encode(value) },
});
const equal = (fieldPath: string, value: unknown) => where(fieldPath, "EQUAL", value);
const isNull = (fieldPath: string, op = "IS_NULL") => ({
  unaryFilter: { op, field: { fieldPath } },
});
const all = (...filters: object[]) => ({ compositeFilter: { op: "AND", filters } });
const any = (...filters: object[]) => ({ compositeFilter: { op: "OR", filters } });
const named = (id: string, op = "EQUAL", collection = "tops/p1/docs") => ({
  fieldFilter: {
    field: { fieldPath: "__name__" },
    op,
    value: { referenceValue: `${ROOT}/${collection}/${id}` },
  },
});

const OWN = "resource.data.owner == request.auth.uid";
const own = equal("owner", "ada");
const NOON = new Date("2026-01-01T12:00:00Z");
const ADULT = "resource.data.age >= 18";
const PUBLIC = "resource.data.tags.hasAny(['public']) || 'public' in resource.data.tags";

export interface QueryParts {
  readonly where?: object;
  readonly limit?: unknown;
  readonly offset?: unknown;
  readonly from?: object[];
}

type Case = readonly [what: string, condition: string, query: QueryParts, proven: boolean];

const EQUALITY: readonly Case[] = [
  ["the filter the rule asks for", OWN, { where: own }, true],
  ["the filter among others", OWN, { where: all(equal("state", "x"), own) }, true],
  ["a nested conjunction", OWN, { where: all(all(own), equal("a", "b")) }, true],
  ["no filter", OWN, {}, false],
  ["another value", OWN, { where: equal("owner", "eve") }, false],
  ["another field", OWN, { where: equal("team", "ada") }, false],
  ["a null test", "resource.data.gone == null", { where: isNull("gone") }, true],
  ["an equality with null", "resource.data.gone == null", { where: equal("gone", null) }, true],
  ["a NaN test", "resource.data.n == null", { where: isNull("n", "IS_NAN") }, false],
  ["a NaN test says nothing", "resource.data.n != null", { where: isNull("n", "IS_NAN") }, false],
  ["a nested field", "resource.data.a.b == 'x'", { where: equal("a.b", "x") }, true],
  ["a sibling of a nested field", "resource.data.a.c == 'x'", { where: equal("a.b", "x") }, false],
  ["a quoted name", "resource.data['a.b'] == 'x'", { where: equal("`a.b`", "x") }, true],
  [
    "a dotted path is no such name",
    "resource.data['a.b'] == 'x'",
    { where: equal("a.b", "x") },
    false,
  ],
  ["a bool", "resource.data.open", { where: equal("open", true) }, true],
  ["a whole list", "resource.data.l == ['a']", { where: equal("l", ["a"]) }, true],
  ["a whole map", "resource.data.m.keys() == ['a']", { where: equal("m", { a: "b" }) }, true],
  ["a type", "resource.data.owner is string", { where: own }, true],
  ["a number", "resource.data.n == 1", { where: equal("n", 1) }, true],
  ["a number in a sum", "resource.data.n + 1 == 2", { where: equal("n", 1) }, false],
  ["the type of a number", "resource.data.n is int", { where: equal("n", 1) }, false],
  ["a number among others", "resource.data.n in [1, 2]", { where: equal("n", 1) }, false],
  ["a number in a list", "resource.data.n == [1]", { where: equal("n", [1]) }, false],
  [
    "a number past 2^53",
    "resource.data.n == 9007199254740993",
    { where: equal("n", 9_007_199_254_740_993n) },
    false,
  ],
];

const ALTERNATIVES: readonly Case[] = [
  ["in with the one value", OWN, { where: where("owner", "IN", ["ada"]) }, true],
  ["in with another value", OWN, { where: where("owner", "IN", ["ada", "eve"]) }, false],
  [
    "in, each value allowed",
    "resource.data.s in ['a', 'b', 'c']",
    { where: where("s", "IN", ["a", "b"]) },
    true,
  ],
  [
    "in, one value not allowed",
    "resource.data.s in ['a', 'b']",
    { where: where("s", "IN", ["a", "z"]) },
    false,
  ],
  [
    "or, each side allowed",
    `${OWN} || resource.data.open`,
    { where: any(own, equal("open", true)) },
    true,
  ],
  ["or, one side not allowed", OWN, { where: any(own, equal("owner", "eve")) }, false],
  ["or of one", OWN, { where: any(own) }, true],
  ["or inside and", OWN, { where: all(own, any(equal("a", "x"), equal("b", "y"))) }, true],
  ["and inside or", OWN, { where: any(all(own, equal("a", "x")), equal("b", "y")) }, false],
  ["30 values", "resource.data.s is string", { where: where("s", "IN", letters(30)) }, true],
];

export function letters(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `v${index}`);
}

const RANGES: readonly Case[] = [
  ["the same bound", ADULT, { where: where("age", "GREATER_THAN_OR_EQUAL", 18) }, true],
  ["a closer bound", ADULT, { where: where("age", "GREATER_THAN", 20) }, true],
  ["a wider bound", ADULT, { where: where("age", "GREATER_THAN_OR_EQUAL", 17) }, false],
  [
    "an exclusive bound for an inclusive one",
    "resource.data.age > 18",
    { where: where("age", "GREATER_THAN_OR_EQUAL", 18) },
    false,
  ],
  ["the other direction", ADULT, { where: where("age", "LESS_THAN", 30) }, false],
  [
    "sides exchanged",
    "18 <= resource.data.age",
    { where: where("age", "GREATER_THAN_OR_EQUAL", 18) },
    true,
  ],
  [
    "a negation",
    "!(resource.data.age < 18)",
    { where: where("age", "GREATER_THAN_OR_EQUAL", 18) },
    true,
  ],
  ["a number equal by value", ADULT, { where: equal("age", 40) }, true],
  [
    "an upper bound alone, which NaN meets",
    "resource.data.age < 18",
    { where: where("age", "LESS_THAN", 18) },
    false,
  ],
  [
    "both bounds",
    "resource.data.age < 18",
    { where: all(where("age", "LESS_THAN", 18), where("age", "GREATER_THAN", 0)) },
    true,
  ],
  [
    "a number that is no bound of text",
    "resource.data.age >= 'a'",
    { where: where("age", "GREATER_THAN", 18) },
    false,
  ],
  [
    "inequality to a value outside",
    "resource.data.age != 3",
    { where: where("age", "GREATER_THAN", 18) },
    true,
  ],
  [
    "inequality to a value inside",
    "resource.data.age != 30",
    { where: where("age", "GREATER_THAN", 18) },
    false,
  ],
  [
    "a bound through a function's map",
    "isAdult(resource.data)",
    { where: where("age", "GREATER_THAN", 18) },
    true,
  ],
  [
    "a bound through a function's value",
    "isOld(resource.data.age)",
    { where: where("age", "GREATER_THAN", 18) },
    false,
  ],
  ["text", "resource.data.s >= 'b'", { where: where("s", "GREATER_THAN_OR_EQUAL", "b") }, true],
  [
    "text of an upper bound",
    "resource.data.s < 'd'",
    { where: where("s", "LESS_THAN", "c") },
    true,
  ],
  [
    "text that UTF-8 and UTF-16 order differently",
    "resource.data.s > 'b'",
    { where: where("s", "GREATER_THAN", "\uFF5E") },
    false,
  ],
  [
    "a time",
    "resource.data.at <= timestamp.date(2026, 1, 2)",
    { where: where("at", "LESS_THAN", NOON) },
    true,
  ],
  [
    "a time too late",
    "resource.data.at <= timestamp.date(2025, 1, 2)",
    { where: where("at", "LESS_THAN", NOON) },
    false,
  ],
  [
    "a bool has no order",
    "resource.data.open != false",
    { where: where("open", "GREATER_THAN", false) },
    false,
  ],
  ["not the value", "resource.data.s != 'x'", { where: where("s", "NOT_EQUAL", "x") }, true],
  ["not another value", "resource.data.s != 'x'", { where: where("s", "NOT_EQUAL", "y") }, false],
  [
    "none of the values",
    "!(resource.data.s in ['x', 'y'])",
    { where: where("s", "NOT_IN", ["x", "y", "z"]) },
    true,
  ],
  [
    "none of fewer values",
    "!(resource.data.s in ['x', 'y'])",
    { where: where("s", "NOT_IN", ["x"]) },
    false,
  ],
  ["not null", "resource.data.s != null", { where: isNull("s", "IS_NOT_NULL") }, true],
  ["not NaN", "resource.data.s != null", { where: isNull("s", "IS_NOT_NAN") }, true],
  [
    "any bound excludes null",
    "resource.data.s != null",
    { where: where("s", "LESS_THAN", "x") },
    true,
  ],
  [
    "a bound of null excludes nothing",
    "resource.data.s != null",
    { where: where("s", "LESS_THAN_OR_EQUAL", null) },
    false,
  ],
  [
    "a bound shows that there is a field",
    "'age' in resource.data",
    { where: where("age", "GREATER_THAN", 1) },
    true,
  ],
  ["array-contains", PUBLIC, { where: where("tags", "ARRAY_CONTAINS", "public") }, true],
  ["array-contains another", PUBLIC, { where: where("tags", "ARRAY_CONTAINS", "private") }, false],
  [
    "array-contains does not show what is missing",
    "!('private' in resource.data.tags)",
    { where: where("tags", "ARRAY_CONTAINS", "public") },
    false,
  ],
  [
    "array-contains a number, whose type is open",
    "1 in resource.data.tags",
    { where: where("tags", "ARRAY_CONTAINS", 1) },
    false,
  ],
  [
    "array-contains-any, one not allowed",
    PUBLIC,
    { where: where("tags", "ARRAY_CONTAINS_ANY", ["public", "x"]) },
    false,
  ],
  [
    "array-contains-any, each allowed",
    "'a' in resource.data.tags || 'b' in resource.data.tags",
    { where: where("tags", "ARRAY_CONTAINS_ANY", ["a", "b"]) },
    true,
  ],
];

const UNKNOWN: readonly Case[] = [
  ["a key that is known", "'owner' in resource.data", { where: own }, true],
  ["a key that is not known", "!('other' in resource.data)", { where: own }, false],
  ["a default for an unknown key", "resource.data.get('other', 1) == 1", { where: own }, false],
  ["the number of fields", "resource.data.size() == 1", { where: own }, false],
  ["all keys", "resource.data.keys() == ['owner']", { where: own }, false],
  ["all values", "resource.data.values() == ['ada']", { where: own }, false],
  ["the whole data", "resource.data == {'owner': 'ada'}", { where: own }, false],
  ["the whole data differs", "resource.data != {'owner': 'eve'}", { where: own }, false],
  ["the data in a list", "!([resource.data].hasAny([{}]))", { where: own }, false],
  ["the data in a set", "[resource.data].toSet().size() == 1", { where: own }, false],
  [
    "a difference of data",
    "resource.data.diff({'owner': 'ada'}).affectedKeys().size() == 0",
    { where: own },
    false,
  ],
  ["the id", "resource.id != 'x'", { where: own }, false],
  ["the name", "resource.__name__ != /a/b", { where: own }, false],
  ["the wildcard of the id", "id != 'x'", { where: own }, false],
  ["the wildcard above", "parent == 'p1'", { where: own }, true],
  ["the path", "request.path != /a/b", { where: own }, false],
  ["an unknown beside a true", "resource.data.other == 1 || true", {}, true],
];

const WINDOW: readonly Case[] = [
  ["a bounded limit", "request.query.limit <= 10", { limit: { value: 10 } }, true],
  ["a bounded limit as a bare number", "request.query.limit <= 10", { limit: 10 }, true],
  ["a limit too large", "request.query.limit <= 10", { limit: 11 }, false],
  ["no limit", "request.query.limit <= 10", {}, false],
  ["an offset", "request.query.offset == 0", { offset: 5 }, false],
  ["no offset", "request.query.offset == 0", {}, true],
];

const NAMES: readonly Case[] = [
  ["the named document's id", "id == 'x' && resource.id == 'x'", { where: named("x") }, true],
  ["the named document's path", "resource.__name__[6] == 'x'", { where: named("x") }, true],
  ["another document's id", "id == 'x'", { where: named("y") }, false],
  ["each of several names", "id in ['x', 'y']", { where: any(named("x"), named("y")) }, true],
  ["one of several names", "id == 'x'", { where: any(named("x"), named("y")) }, false],
  ["a name above another", "id != 'x'", { where: named("y", "GREATER_THAN") }, false],
  [
    "a name in another collection",
    "id == 'x'",
    { where: named("x", "EQUAL", "tops/p2/docs") },
    false,
  ],
  ["a block for the named document alone", "false", { where: named("fixed") }, true],
  ["a block for one document, no name", "false", {}, false],
];

const GROUP = { from: [{ collectionId: "docs", allDescendants: true }] };
const GROUPS: readonly Case[] = [
  ["a collection group without a recursive wildcard", "true", GROUP, false],
  ["every collection without a name", "true", { from: [{}] }, false],
];

/** Patterns, asked at the root of the database. */
export const AT_THE_ROOT: readonly (readonly [
  pattern: string,
  condition: string,
  QueryParts,
  boolean,
])[] = [
  ["/{path=**}/docs/{id}", "true", GROUP, true],
  ["/{path=**}/docs/{id}", OWN, { ...GROUP, where: own }, true],
  ["/{path=**}/docs/{id}", OWN, GROUP, false],
  ["/{path=**}/docs/{id}", "string(path) != '/x'", GROUP, false],
  ["/{path=**}/docs/{id}", "id != 'x'", GROUP, false],
  ["/{path=**}/docs/fixed", "true", GROUP, false],
  ["/{path=**}/others/{id}", "true", GROUP, false],
  ["/{path=**}/{collection}/{id}", "collection == 'docs'", GROUP, true],
  ["/{path=**}/tops/{top}/docs/{id}", "true", GROUP, false],
  ["/{path=**}", "true", GROUP, true],
  ["/docs/{id}", "true", GROUP, false],
  ["/docs/{path=**}", "true", GROUP, false],
  ["/docs/{id}", "true", {}, true],
  ["/docs/{path=**}", "true", {}, true],
  ["/{path=**}/docs/{id}", "true", {}, true],
  // One document, wherever it is.
  ["/{path=**}/docs/{id}", "id == 'x'", { ...GROUP, where: named("x") }, true],
  ["/tops/{top}/docs/{id}", "top == 'p1' && id == 'x'", { ...GROUP, where: named("x") }, true],
  ["/{path=**}/docs/{id}", "id == 'x'", { ...GROUP, where: named("x", "EQUAL", "tops") }, false],
  // A query without a collection's name reads every collection under its parent.
  ["/{collection}/{id}", "collection != 'secrets'", { from: [{}] }, false],
  ["/{collection}/{id}", "true", { from: [{}] }, true],
];

/** Conditions of one block, asked of the collection tops/p1/docs. */
export const IN_ONE_BLOCK: readonly Case[] = [
  EQUALITY,
  ALTERNATIVES,
  RANGES,
  UNKNOWN,
  WINDOW,
  NAMES,
  GROUPS,
].flat();
