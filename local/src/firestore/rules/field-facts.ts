/** What a list query proves about a field without fixing its value, and which comparisons that decides. */
import { looselyEqual } from "./equality.ts";
import { isNumber, kindOf, type Value } from "./values.ts";

export interface Bound {
  readonly value: Value;
  readonly inclusive: boolean;
}

/** Every document of the list has the field, and its value is not null. */
export interface FieldFacts {
  /** The filter also proves that the value is of the bounds' type: Firestore compares no others. */
  readonly lowest: Bound | null;
  readonly highest: Bound | null;
  /** Values the field is known not to have. */
  readonly excluded: readonly Value[];
  /** Values the field, a list, is known to hold. */
  readonly contained: readonly Value[];
}

export const NO_FACTS: FieldFacts = { lowest: null, highest: null, excluded: [], contained: [] };

export type Comparison = "==" | "!=" | "<" | "<=" | ">" | ">=";

/** The result `field operator other` has for every document of the list; undefined = not proven. */
export function decided(
  facts: FieldFacts,
  operator: Comparison,
  other: Value,
): boolean | undefined {
  return DECIDED[operator](facts, other);
}

type Decide = (facts: FieldFacts, other: Value) => boolean | undefined;

const DECIDED: Readonly<Record<Comparison, Decide>> = {
  "==": isEqual,
  "!=": (facts, other) => negated(isEqual(facts, other)),
  "<": (facts, other) => isBelow(facts, other, false),
  "<=": (facts, other) => isBelow(facts, other, true),
  ">": (facts, other) => negated(isBelow(facts, other, true)),
  ">=": (facts, other) => negated(isBelow(facts, other, false)),
};

/** The comparison with its sides exchanged. */
export function mirrored(operator: Comparison): Comparison {
  const mirror = { "==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<=" } as const;
  return mirror[operator];
}

function negated(value: boolean | undefined): boolean | undefined {
  return value === undefined ? undefined : !value;
}

function isEqual(facts: FieldFacts, other: Value): boolean | undefined {
  if (other === null || facts.excluded.some((value) => isSame(value, other))) return false;
  if (!isComparable(other)) return undefined;
  if (isBelow(facts, other, false) === true || isBelow(facts, other, true) === false) return false;
  const { lowest, highest } = rangeFor(facts, other);
  if (lowest === null || highest === null) return undefined;
  return order(lowest.value, other) === 0 && order(highest.value, other) === 0 ? true : undefined;
}

/** Whether the field lies below `other`, or at it when `orAt`. */
function isBelow(facts: FieldFacts, other: Value, orAt: boolean): boolean | undefined {
  if (!isComparable(other)) return undefined;
  const { lowest, highest } = rangeFor(facts, other);
  if (highest !== null) {
    const difference = order(highest.value, other);
    if (difference < 0 || (difference === 0 && (orAt || !highest.inclusive))) return true;
  }
  if (lowest !== null) {
    const difference = order(lowest.value, other);
    if (difference > 0 || (difference === 0 && !(orAt && lowest.inclusive))) return false;
  }
  return undefined;
}

/**
 * The bounds of the other value's type. NaN is a number below every other one to a filter and below none to a
 * rule, so an upper bound of numbers counts only beside a lower one, which NaN does not meet.
 */
function rangeFor(facts: FieldFacts, other: Value): Pick<FieldFacts, "lowest" | "highest"> {
  const type = typeOf(other);
  const lowest = facts.lowest !== null && typeOf(facts.lowest.value) === type ? facts.lowest : null;
  const highest =
    facts.highest !== null && typeOf(facts.highest.value) === type ? facts.highest : null;
  return { lowest, highest: type === "number" && lowest === null ? null : highest };
}

function isSame(a: Value, b: Value): boolean {
  if (isNumber(a) && isNumber(b)) return isComparable(a) && isComparable(b) && order(a, b) === 0;
  return kindOf(a) === kindOf(b) && (a === b || (isComparable(a) && order(a, b) === 0));
}

function typeOf(value: Value): string {
  const kind = kindOf(value);
  return kind === "int" || kind === "float" ? "number" : kind;
}

/**
 * Values that filters and rules order alike: whole and broken numbers that both hold exactly, timestamps, and
 * text without characters that UTF-8 and UTF-16 order differently.
 */
export function isComparable(value: Value): boolean {
  if (typeof value === "bigint") return value >= -LARGEST && value <= LARGEST;
  if (typeof value === "number") return Math.abs(value) <= Number(LARGEST);
  if (typeof value === "string") return !/[\uD800-\uFFFF]/.test(value);
  return typeof value === "object" && value?.kind === "timestamp";
}

const LARGEST = BigInt(Number.MAX_SAFE_INTEGER);

/** Negative, zero or positive; both are comparable and of one type. */
function order(a: Value, b: Value): number {
  if (looselyEqual(a, b)) return 0;
  return orderedKey(a) < orderedKey(b) ? -1 : 1;
}

function orderedKey(value: Value): bigint | number | string {
  if (typeof value === "object" && value?.kind === "timestamp") return value.nanos;
  if (typeof value === "string" || typeof value === "bigint" || typeof value === "number") {
    return value;
  }
  throw new Error("only comparable values have an order");
}
