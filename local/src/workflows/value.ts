/** The values a workflow computes with: JSON plus bytes. Values are immutable; changing one means making another. */

export type Value =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly Value[]
  | { readonly [key: string]: Value };

export type ValueMap = { readonly [key: string]: Value };

export type TypeName =
  | "null"
  | "boolean"
  | "integer"
  | "double"
  | "string"
  | "bytes"
  | "list"
  | "map";

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

export function isMap(value: Value): value is ValueMap {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array)
  );
}

/**
 * The name `get_type` gives. Integers and doubles share one JavaScript number, so a double without a
 * fraction (`4 / 2`) reads as an integer here.
 */
export function typeName(value: Value): TypeName {
  if (value === null) return "null";
  if (typeof value === "boolean") return "boolean";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "double";
  if (typeof value === "string") return "string";
  if (value instanceof Uint8Array) return "bytes";
  return isList(value) ? "list" : "map";
}

/** Deep equality; values of different types are unequal, never an error. */
export function equalValues(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (isList(a) && isList(b)) {
    return a.length === b.length && a.every((item, at) => equalValues(item, b[at] ?? null));
  }
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    return a.length === b.length && a.every((byte, at) => byte === b[at]);
  }
  if (isMap(a) && isMap(b)) {
    const keys = Object.keys(a);
    return (
      keys.length === Object.keys(b).length &&
      keys.every((key) => Object.hasOwn(b, key) && equalValues(a[key] ?? null, b[key] ?? null))
    );
  }
  return false;
}

/** Builds a map whose keys cannot reach the prototype, whatever the keys are called. */
export function mapOf(entries: Iterable<readonly [string, Value]>): ValueMap {
  const map: Record<string, Value> = {};
  for (const [key, value] of entries) {
    if (key === "__proto__") {
      Object.defineProperty(map, key, { value, enumerable: true, writable: true });
    } else {
      map[key] = value;
    }
  }
  return map;
}

/** Approximate bytes a value occupies: what its JSON would take. */
export function sizeOf(value: Value): number {
  if (value === null || typeof value === "boolean") return 4;
  if (typeof value === "number") return 8;
  if (typeof value === "string") return value.length + 2;
  if (value instanceof Uint8Array) return value.length;
  if (isList(value)) return value.reduce<number>((sum, item) => sum + sizeOf(item) + 1, 2);
  let sum = 2;
  for (const key of Object.keys(value)) sum += key.length + 4 + sizeOf(value[key] ?? null);
  return sum;
}

/** Anything JSON-shaped that came from outside, as a value; what JSON cannot hold becomes null. */
export function valueFromJson(json: unknown): Value {
  if (json === null || json === undefined) return null;
  if (typeof json === "boolean" || typeof json === "number" || typeof json === "string")
    return json;
  if (json instanceof Uint8Array) return json;
  if (Array.isArray(json)) return json.map(valueFromJson);
  if (typeof json === "object") {
    return mapOf(Object.entries(json).map(([key, item]) => [key, valueFromJson(item)] as const));
  }
  return null;
}

/** JSON text of a value; bytes have no JSON form and are written as base64, as results of executions are. */
export function toJsonText(value: Value, indent?: number): string {
  return JSON.stringify(
    value,
    (_key, item: unknown) => {
      if (item instanceof Uint8Array) return Buffer.from(item).toString("base64");
      return item;
    },
    indent,
  );
}
