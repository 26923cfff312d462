/** Functions every rules file can call: conversions and the namespaces. Document access is in evaluate.ts. */
import { createHash } from "node:crypto";
import { int64, intAt, intFromFloat, numberAt, stringAt } from "./arguments.ts";
import { EvaluationError } from "./evaluation-error.ts";
import { NANOS } from "./time-methods.ts";
import { duration, kindOf, path, timestamp, type Value } from "./values.ts";

export interface BuiltIn {
  readonly arity: number;
  readonly run: (args: readonly Value[]) => Value;
}

/** Functions that read documents; each takes one path. */
export const DOCUMENT_FUNCTIONS: ReadonlySet<string> = new Set([
  "exists",
  "existsAfter",
  "get",
  "getAfter",
]);

function toInt([value = null]: readonly Value[]): bigint {
  if (typeof value === "bigint") return value;
  if (typeof value === "number") return intFromFloat(Math.trunc(value));
  if (typeof value === "string" && /^-?\d{1,19}$/.test(value)) return int64(BigInt(value));
  throw new EvaluationError(`int: a ${kindOf(value)} like this has no int value`);
}

function toFloat([value = null]: readonly Value[]): number {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value)) return Number(value);
  throw new EvaluationError(`float: a ${kindOf(value)} like this has no float value`);
}

/** Floats that every language spells alike; how others are spelled is not documented. */
function floatText(value: number): string {
  const size = Math.abs(value);
  if (!(size >= 0.001 && size < 10_000_000) && !Object.is(value, 0)) {
    throw new EvaluationError(`string: the spelling of the float ${value} is not documented`);
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

function toText([value = null]: readonly Value[]): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return floatText(value);
  if (typeof value !== "object" || value === null) return String(value);
  if (value.kind === "path") return `/${value.segments.join("/")}`;
  throw new EvaluationError(`string: a ${kindOf(value)} has no string form`);
}

function toPath(args: readonly Value[]): Value {
  const segments = stringAt(args, 0).replace(/^\//, "").split("/");
  if (segments.includes("")) throw new EvaluationError("path: a segment is empty");
  return path(segments);
}

export const GLOBAL_FUNCTIONS: Readonly<Record<string, BuiltIn>> = {
  int: { arity: 1, run: toInt },
  float: { arity: 1, run: toFloat },
  string: { arity: 1, run: toText },
  path: { arity: 1, run: toPath },
};

/** Rounds a float to a whole one; an int stays as it is. */
function rounded(args: readonly Value[], round: (value: number) => number): bigint {
  const value = numberAt(args, 0);
  return typeof value === "bigint" ? value : intFromFloat(round(value));
}

function absolute(args: readonly Value[]): Value {
  const value = numberAt(args, 0);
  return value < 0 ? (typeof value === "bigint" ? int64(-value) : -value) : value;
}

const MATH: Readonly<Record<string, BuiltIn>> = {
  abs: { arity: 1, run: absolute },
  ceil: { arity: 1, run: (args) => rounded(args, Math.ceil) },
  floor: { arity: 1, run: (args) => rounded(args, Math.floor) },
  round: { arity: 1, run: (args) => rounded(args, Math.round) },
  sqrt: { arity: 1, run: (args) => Math.sqrt(Number(numberAt(args, 0))) },
  pow: { arity: 2, run: (args) => Number(numberAt(args, 0)) ** Number(numberAt(args, 1)) },
  isNaN: { arity: 1, run: (args) => Number.isNaN(Number(numberAt(args, 0))) },
  isInfinite: {
    arity: 1,
    run: (args) => Math.abs(Number(numberAt(args, 0))) === Number.POSITIVE_INFINITY,
  },
};

const DURATION: Readonly<Record<string, BuiltIn>> = {
  value: {
    arity: 2,
    run: (args) => {
      const unit = Object.entries(NANOS).find(([name]) => name === stringAt(args, 1));
      if (unit === undefined) throw new EvaluationError("duration.value: unknown unit");
      return duration(intAt(args, 0) * unit[1]);
    },
  },
  time: {
    arity: 4,
    run: (args) =>
      duration(
        intAt(args, 0) * NANOS.h +
          intAt(args, 1) * NANOS.m +
          intAt(args, 2) * NANOS.s +
          intAt(args, 3),
      ),
  },
  abs: {
    arity: 1,
    run: ([value = null]) => {
      if (typeof value !== "object" || value?.kind !== "duration") {
        throw new EvaluationError("duration.abs: expected a duration");
      }
      return duration(value.nanos < 0n ? -value.nanos : value.nanos);
    },
  },
};

/** Midnight UTC; a day that does not exist (30 February) is an error, not the day after. */
function calendarDate(args: readonly Value[]): Value {
  const [year, month, day] = [intAt(args, 0), intAt(args, 1), intAt(args, 2)].map(Number);
  const date = new Date(Date.UTC(year ?? 0, (month ?? 0) - 1, day));
  if (date.getUTCFullYear() !== year || date.getUTCDate() !== day) {
    throw new EvaluationError("timestamp.date: no such day");
  }
  return timestamp(BigInt(date.getTime()) * NANOS.ms);
}

const TIMESTAMP: Readonly<Record<string, BuiltIn>> = {
  value: { arity: 1, run: (args) => timestamp(intAt(args, 0) * NANOS.ms) },
  date: { arity: 3, run: calendarDate },
};

const LATLNG: Readonly<Record<string, BuiltIn>> = {
  value: {
    arity: 2,
    run: (args) => {
      const latitude = Number(numberAt(args, 0));
      const longitude = Number(numberAt(args, 1));
      if (!(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180)) {
        throw new EvaluationError("latlng.value: outside -90..90, -180..180");
      }
      return { kind: "latlng", latitude, longitude };
    },
  },
};

function digest(algorithm: "md5" | "sha256", [value = null]: readonly Value[]): Value {
  return { kind: "bytes", bytes: createHash(algorithm).update(hashable(value)).digest() };
}

function hashable(value: Value): string | Uint8Array {
  if (typeof value === "string") return value;
  if (typeof value === "object" && value?.kind === "bytes") return value.bytes;
  throw new EvaluationError(`a ${kindOf(value)} cannot be hashed`);
}

const HASHING: Readonly<Record<string, BuiltIn>> = {
  md5: { arity: 1, run: (args) => digest("md5", args) },
  sha256: { arity: 1, run: (args) => digest("sha256", args) },
};

const NAMESPACES: Readonly<Record<string, Readonly<Record<string, BuiltIn>>>> = {
  duration: DURATION,
  hashing: HASHING,
  latlng: LATLNG,
  math: MATH,
  timestamp: TIMESTAMP,
};

export function namespaceFunction(namespace: string, name: string): BuiltIn | undefined {
  const table = NAMESPACES[namespace] ?? {};
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
