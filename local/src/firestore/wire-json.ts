/** Reading untrusted proto3-JSON: each function answers a typed value or throws INVALID_ARGUMENT naming the field. */
import { invalid } from "./rpc-error.ts";

export type Json = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function objectAt(value: unknown, where: string): Json {
  if (!isObject(value)) throw invalid(`Invalid value at '${where}': an object is expected.`);
  return value;
}

/** Absent and null mean undefined, as proto3-JSON has it. */
export function optionalObject(value: unknown, where: string): Json | undefined {
  return value === undefined || value === null ? undefined : objectAt(value, where);
}

export function stringAt(value: unknown, where: string): string {
  if (typeof value !== "string")
    throw invalid(`Invalid value at '${where}': a string is expected.`);
  return value;
}

export function optionalString(value: unknown, where: string): string | undefined {
  return value === undefined || value === null ? undefined : stringAt(value, where);
}

/** Absent means empty. */
export function listAt(value: unknown, where: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid(`Invalid value at '${where}': a list is expected.`);
  return value;
}

export function booleanAt(value: unknown, where: string): boolean {
  if (value === undefined || value === null) return false;
  if (typeof value !== "boolean") throw invalid(`Invalid value at '${where}': true or false.`);
  return value;
}

/** A non-negative int32, given as number, as text, or wrapped (`{ value: 3 }`). */
export function optionalCount(value: unknown, where: string): number | undefined {
  if (value === undefined || value === null) return undefined;
  const raw = isObject(value) ? (value["value"] ?? 0) : value;
  const count = typeof raw === "string" && /^\d{1,10}$/.test(raw) ? Number(raw) : raw;
  if (typeof count !== "number" || !Number.isInteger(count) || count < 0 || count > 2 ** 31 - 1) {
    throw invalid(`Invalid value at '${where}': a count from 0 to 2147483647 is expected.`);
  }
  return count;
}
