/** Plain values ↔ proto3-JSON Firestore values. Dates are timestamps; integers stay integers. */

export type RestValue = Readonly<Record<string, unknown>>;
export type RestFields = Readonly<Record<string, RestValue>>;

/** Encodes null, booleans, numbers, strings, dates, arrays and plain objects; throws on anything else. */
export function encodeValue(value: unknown): RestValue {
  if (value === null || value === undefined) return { nullValue: null };
  if (typeof value === "boolean") return { booleanValue: value };
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "number") {
    return Number.isSafeInteger(value) ? { integerValue: String(value) } : { doubleValue: value };
  }
  if (value instanceof Date) return { timestampValue: value.toISOString() };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(encodeValue) } };
  if (typeof value === "object") return { mapValue: { fields: encodeFields(value) } };
  throw new TypeError(`a ${typeof value} cannot be stored`);
}

export function encodeFields(record: object): RestFields {
  return Object.fromEntries(
    Object.entries(record)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, encodeValue(value)]),
  );
}

export function decodeValue(value: RestValue): unknown {
  const [kind, content] = Object.entries(value)[0] ?? ["nullValue", null];
  switch (kind) {
    case "nullValue":
      return null;
    case "integerValue":
      return Number(content);
    case "timestampValue":
      return new Date(String(content));
    case "arrayValue":
      return ((content as { values?: RestValue[] }).values ?? []).map(decodeValue);
    case "mapValue":
      return decodeFields((content as { fields?: RestFields }).fields ?? {});
    default:
      return content; // booleanValue, stringValue, doubleValue; bytes, references and points are not used
  }
}

export function decodeFields(fields: RestFields): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, decodeValue(value)]),
  );
}
