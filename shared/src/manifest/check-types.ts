/** Compares an object with the type maps: fields that do not exist and values of the wrong type. */
import type { Attribute, TypeMaps } from "./type-maps.ts";

interface Finding {
  readonly path: string;
  readonly message: string;
}

type Shape = Pick<Attribute, "type" | "format">;

const LIST = /^Array<(.+)>$/;
const MAP = /^\{ \[key: string\]: (.+); \}$/;

/** The API server would drop an unknown field without a word; here it is an error. */
export function checkTypes(value: unknown, typeName: string, types: TypeMaps): readonly Finding[] {
  return [...findings(value, { type: typeName, format: "" }, "", types)];
}

function* findings(
  value: unknown,
  shape: Shape,
  path: string,
  types: TypeMaps,
): Generator<Finding> {
  const item = LIST.exec(shape.type)?.[1];
  if (item !== undefined) {
    if (!Array.isArray(value)) return yield wrong(path, "a list", value);
    for (const [index, inner] of value.entries()) {
      yield* findings(inner, { type: item, format: shape.format }, `${path}[${index}]`, types);
    }
    return undefined;
  }
  const mapped = MAP.exec(shape.type)?.[1];
  if (mapped !== undefined) {
    if (!isRecord(value)) return yield wrong(path, "a map", value);
    for (const [key, inner] of Object.entries(value)) {
      yield* findings(inner, { type: mapped, format: shape.format }, join(path, key), types);
    }
    return undefined;
  }
  const scalar = SCALARS.get(shape.type);
  if (scalar === undefined) yield* fieldFindings(value, shape.type, path, types);
  else if (!scalar.accepts(value, shape.format)) yield wrong(path, scalar.expects, value);
  return undefined;
}

function* fieldFindings(
  value: unknown,
  typeName: string,
  path: string,
  types: TypeMaps,
): Generator<Finding> {
  if (!isRecord(value)) return yield wrong(path, `an object (${typeName})`, value);
  const attributes = types.attributesOf(typeName);
  if (attributes === undefined) {
    return yield { path, message: `there is no Kubernetes type ${typeName}` };
  }
  for (const [key, inner] of Object.entries(value)) {
    if (inner === undefined) continue;
    const attribute = attributes.find(({ baseName }) => baseName === key);
    if (attribute !== undefined) yield* findings(inner, attribute, join(path, key), types);
    else yield { path: join(path, key), message: `${typeName} has no field "${key}"` };
  }
  return undefined;
}

interface Scalar {
  readonly expects: string;
  accepts(value: unknown, format: string): boolean;
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

const SCALARS: ReadonlyMap<string, Scalar> = new Map<string, Scalar>([
  ["any", { expects: "a value", accepts: (value) => value !== null }],
  ["boolean", { expects: "true or false", accepts: (value) => typeof value === "boolean" }],
  ["number", { expects: "a number", accepts: isNumber }],
  ["string", { expects: "a string", accepts: isText }],
  ["Date", { expects: "a date", accepts: (value) => !Number.isNaN(Date.parse(String(value))) }],
  [
    "IntOrString",
    {
      expects: "a whole number or a string",
      accepts: (value) => typeof value === "string" || Number.isSafeInteger(value),
    },
  ],
]);

function isNumber(value: unknown, format: string): boolean {
  return format.startsWith("int") ? Number.isSafeInteger(value) : Number.isFinite(value);
}

function isText(value: unknown, format: string): boolean {
  if (typeof value !== "string") return false;
  return format !== "byte" || (value.length % 4 === 0 && BASE64.test(value));
}

function wrong(path: string, expected: string, value: unknown): Finding {
  return { path, message: `found ${nameOf(value)}, expected ${expected}` };
}

function nameOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : `a value of type ${typeof value}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function join(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}
