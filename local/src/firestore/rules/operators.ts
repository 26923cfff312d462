/** What the binary operators do to two values, and what they refuse. */
import { int64 } from "./arguments.ts";
import { EvaluationError } from "./evaluation-error.ts";
import type { BinaryOperator } from "./syntax-tree.ts";
import { contains, looselyEqual } from "./equality.ts";
import { checkTextLength } from "./value-size.ts";
import { duration, hasEntry, isNumber, kindOf, timestamp, type Value } from "./values.ts";

type Operation = (left: Value, right: Value) => Value;

function refuse(operator: string, left: Value, right: Value): never {
  throw new EvaluationError(
    `'${operator}' has no meaning for ${kindOf(left)} and ${kindOf(right)}`,
  );
}

function add(left: Value, right: Value): Value {
  if (typeof left === "string" && typeof right === "string") {
    checkTextLength(left.length + right.length);
    return left + right;
  }
  if (isNumber(left) && isNumber(right)) return arithmetic("+", left, right);
  const times = timesOf("+", left, right);
  if (left === times.left && times.left.kind === "timestamp") {
    if (times.right.kind === "timestamp") refuse("+", left, right);
    return timestamp(times.left.nanos + times.right.nanos);
  }
  const make = times.right.kind === "timestamp" ? timestamp : duration;
  return make(times.left.nanos + times.right.nanos);
}

function subtract(left: Value, right: Value): Value {
  if (isNumber(left) && isNumber(right)) return arithmetic("-", left, right);
  const times = timesOf("-", left, right);
  const nanos = times.left.nanos - times.right.nanos;
  if (times.left.kind === times.right.kind) return duration(nanos);
  return times.left.kind === "timestamp" ? timestamp(nanos) : refuse("-", left, right);
}

type Time = Extract<Value, { readonly kind: "timestamp" | "duration" }>;

function isTime(value: Value): value is Time {
  const kind = kindOf(value);
  return kind === "timestamp" || kind === "duration";
}

function timesOf(operator: string, left: Value, right: Value): { left: Time; right: Time } {
  return isTime(left) && isTime(right) ? { left, right } : refuse(operator, left, right);
}

const ON_INTS = {
  "+": (a: bigint, b: bigint) => a + b,
  "-": (a: bigint, b: bigint) => a - b,
  "*": (a: bigint, b: bigint) => a * b,
  "/": (a: bigint, b: bigint) => a / b,
  "%": (a: bigint, b: bigint) => a % b,
} as const;
const ON_FLOATS = {
  "+": (a: number, b: number) => a + b,
  "-": (a: number, b: number) => a - b,
  "*": (a: number, b: number) => a * b,
  "/": (a: number, b: number) => a / b,
  "%": (a: number, b: number) => a % b,
} as const;

/** Ints stay ints (division cuts towards zero); a mixed pair becomes floats; zero divides nothing. */
function arithmetic(operator: keyof typeof ON_INTS, left: Value, right: Value): Value {
  if (!isNumber(left) || !isNumber(right)) return refuse(operator, left, right);
  if ((operator === "/" || operator === "%") && Number(right) === 0) {
    throw new EvaluationError("division by zero");
  }
  if (typeof left === "bigint" && typeof right === "bigint") {
    return int64(ON_INTS[operator](left, right));
  }
  return ON_FLOATS[operator](Number(left), Number(right));
}

type Order = "<" | "<=" | ">" | ">=";

/** Numbers, strings, timestamps and durations have an order, each among themselves. */
function compare(operator: Order, left: Value, right: Value): boolean {
  if (typeof left === "string" && typeof right === "string") return ordered(operator, left, right);
  if (typeof left === "bigint" && typeof right === "bigint") return ordered(operator, left, right);
  if (isNumber(left) && isNumber(right)) return ordered(operator, Number(left), Number(right));
  if (isTime(left) && isTime(right) && left.kind === right.kind) {
    return ordered(operator, left.nanos, right.nanos);
  }
  return refuse(operator, left, right);
}

function ordered<T extends string | bigint | number>(operator: Order, a: T, b: T): boolean {
  if (operator === "<") return a < b;
  if (operator === "<=") return a <= b;
  return operator === ">" ? a > b : a >= b;
}

function isIn(left: Value, right: Value): boolean {
  if (typeof right === "object" && right !== null) {
    if (right.kind === "list" || right.kind === "set") return contains(right.items, left);
    if (right.kind === "map" && typeof left === "string") return hasEntry(right, left);
  }
  return refuse("in", left, right);
}

export const OPERATIONS: Readonly<Record<BinaryOperator, Operation>> = {
  "==": looselyEqual,
  "!=": (left, right) => !looselyEqual(left, right),
  "<": (left, right) => compare("<", left, right),
  "<=": (left, right) => compare("<=", left, right),
  ">": (left, right) => compare(">", left, right),
  ">=": (left, right) => compare(">=", left, right),
  in: isIn,
  "+": add,
  "-": subtract,
  "*": (left, right) => arithmetic("*", left, right),
  "/": (left, right) => arithmetic("/", left, right),
  "%": (left, right) => arithmetic("%", left, right),
};
