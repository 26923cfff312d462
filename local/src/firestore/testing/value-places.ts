/** Every type of value and its place in the total order, written by hand: what comparisons are held against. */
import type { FieldValue, Fields } from "../document.ts";

export const ROOT = "projects/p/databases/(default)/documents";
const int = (n: number): FieldValue => ({ integerValue: String(n) });
const double = (n: number | string): FieldValue => ({ doubleValue: n });
const text = (s: string): FieldValue => ({ stringValue: s });
const list = (...values: FieldValue[]): FieldValue => ({ arrayValue: { values } });
export const map = (fields: Fields): FieldValue => ({ mapValue: { fields } });
const reference = (path: string): FieldValue => ({ referenceValue: `${ROOT}/${path}` });

/** Every type, smallest first; what stands on one line is equal. */
const TYPES: readonly (readonly (readonly FieldValue[])[])[] = [
  [[{ nullValue: null }]],
  [[{ booleanValue: false }], [{ booleanValue: true }]],
  [
    [double("NaN")],
    [double("-Infinity")],
    [int(-1), double(-1)],
    [int(0), double(0), double("-0")],
    [double(0.5)],
    [int(1), double(1)],
    [{ integerValue: "9007199254740993" }],
    [double("Infinity")],
  ],
  [
    [{ timestampValue: "2024-01-01T00:00:00Z" }],
    [{ timestampValue: "2024-01-01T00:00:00.000001Z" }],
  ],
  [[text("")], [text("a")], [text("b")], [text("\u{ffff}")], [text("\u{1f600}")]],
  [[{ bytesValue: "" }], [{ bytesValue: "AAE=" }], [{ bytesValue: "/w==" }]],
  [[reference("c/__id7__")], [reference("c/__id12__")], [reference("c/a")], [reference("c/a/b/c")]],
  [
    [{ geoPointValue: { latitude: -1, longitude: 5 } }],
    [{ geoPointValue: { latitude: 1, longitude: 0 } }],
  ],
  [[list()], [list(int(0)), list(double(0))], [list(int(0), text("a"))], [list(text("a"))]],
  [
    [map({})],
    [map({ a: int(1) }), map({ a: double(1) })],
    [map({ a: int(1), b: int(0) })],
    [map({ b: int(0) })],
  ],
];

export interface Place {
  readonly value: FieldValue;
  readonly type: number;
  /** Place among all values. */
  readonly rank: number;
}

const GROUPS = TYPES.flatMap((groups, type) => groups.map((group) => ({ group, type })));
export const PLACES: readonly Place[] = GROUPS.flatMap(({ group, type }, rank) =>
  group.map((value) => ({ value, type, rank })),
);
export const NULL = 0;
const ARRAY_TYPE = 8;
const rankWhere = (isIt: (value: FieldValue) => boolean): number =>
  PLACES.find(({ value }) => isIt(value))?.rank ?? Number.NaN;
export const NAN = rankWhere((value) => value["doubleValue"] === "NaN");
const ZERO = rankWhere((value) => value["integerValue"] === "0");
const A = rankWhere((value) => value["stringValue"] === "a");
/** What the arrays of the table hold, line by line. */
export const CONTENTS = new Map<number, readonly number[]>(
  GROUPS.flatMap(({ type }, rank) => (type === ARRAY_TYPE ? [rank] : [])).map((rank, n) => [
    rank,
    [[], [ZERO], [ZERO, A], [A]][n] ?? [],
  ]),
);
