/** Strict structure check against the client library's own type maps: unknown fields, wrong types, quantities. */
import * as models from "@kubernetes/client-node";
import { isRecord } from "./object.ts";
import { parseQuantity } from "./quantity.ts";

interface Attribute {
  readonly baseName: string;
  readonly type: string;
}

const ARRAY = /^Array<(.*)>$/;
const MAP = /^\{ \[key: string\]: (.*); \}$/;
const DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;
const MAX_PROBLEMS = 20;
const QUANTITY_MAPS = new Set(["V1ResourceRequirements.limits", "V1ResourceRequirements.requests"]);

/** Fields of a model, or undefined when the client library has no such class. */
export function fieldsOf(model: string): ReadonlyMap<string, string> | undefined {
  const known = cache.get(model);
  if (known !== undefined) return known;
  const found: unknown = (models as Record<string, unknown>)[model];
  if (typeof found !== "function" || !("getAttributeTypeMap" in found)) return undefined;
  const read = found.getAttributeTypeMap as () => readonly Attribute[];
  const fields = new Map(read().map((each) => [each.baseName, each.type]));
  cache.set(model, fields);
  return fields;
}
const cache = new Map<string, ReadonlyMap<string, string>>();

export function elementType(type: string): string | undefined {
  return ARRAY.exec(type)?.[1];
}

export function mapValueType(type: string): string | undefined {
  return MAP.exec(type)?.[1];
}

/** Every problem as `path: what`, at most 20; an empty list means the structure is right. */
export function checkStructure(value: unknown, model: string): readonly string[] {
  const problems: string[] = [];
  check(value, model, "", "", problems);
  return problems.slice(0, MAX_PROBLEMS);
}

function check(value: unknown, type: string, path: string, place: string, out: string[]): void {
  if (value === null || value === undefined || type === "any" || type === "object") return;
  const element = elementType(type);
  const mapped = mapValueType(type);
  if (element !== undefined) return checkArray(value, element, path, out);
  if (mapped !== undefined) return checkMap(value, mapped, path, place, out);
  const fields = fieldsOf(type);
  if (fields !== undefined) return checkFields(value, fields, type, path, out);
  const wrong = wrongScalar(value, type);
  if (wrong !== undefined) out.push(`${path}: Invalid value: ${wrong}`);
}

function checkFields(
  value: unknown,
  fields: ReadonlyMap<string, string>,
  type: string,
  path: string,
  out: string[],
): void {
  if (!isRecord(value)) {
    out.push(`${path}: Invalid value: expected an object, got ${nameOf(value)}`);
    return;
  }
  for (const [name, inner] of Object.entries(value)) {
    const at = path === "" ? name : `${path}.${name}`;
    const innerType = fields.get(name);
    if (innerType === undefined) out.push(`unknown field "${at}"`);
    else check(inner, innerType, at, `${type}.${name}`, out);
  }
}

function checkArray(value: unknown, element: string, path: string, out: string[]): void {
  if (!Array.isArray(value)) {
    out.push(`${path}: Invalid value: expected a list, got ${nameOf(value)}`);
    return;
  }
  value.forEach((item: unknown, index) => {
    if (item === null) out.push(`${path}[${index}]: Invalid value: null`);
    check(item, element, `${path}[${index}]`, "", out);
  });
}

function checkMap(value: unknown, type: string, path: string, place: string, out: string[]): void {
  if (!isRecord(value)) {
    out.push(`${path}: Invalid value: expected a map, got ${nameOf(value)}`);
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    if (QUANTITY_MAPS.has(place)) {
      if (parseQuantity(String(inner)) === undefined) {
        out.push(`${path}.${key}: Invalid value: "${String(inner)}": not a quantity`);
      }
    } else check(inner, type, `${path}.${key}`, "", out);
  }
}

function wrongScalar(value: unknown, type: string): string | undefined {
  const matches: Record<string, boolean> = {
    string: typeof value === "string",
    number: typeof value === "number" && Number.isFinite(value),
    boolean: typeof value === "boolean",
    IntOrString: typeof value === "string" || Number.isInteger(value),
    Date: typeof value === "string" && DATE.test(value),
    V1MicroTime: typeof value === "string" && DATE.test(value),
  };
  return matches[type] === false ? `expected ${type}, got ${nameOf(value)}` : undefined;
}

function nameOf(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `${typeof value} ${JSON.stringify(value)}`;
}
