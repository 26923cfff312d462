/** StructuredQuery written short: `parse("a == 1 and b > 2", "-b, __name__")` for tables of queries. */
import type { Json } from "../wire-json.ts";

const OPERATORS: Readonly<Record<string, string>> = {
  "==": "EQUAL",
  "!=": "NOT_EQUAL",
  "<": "LESS_THAN",
  "<=": "LESS_THAN_OR_EQUAL",
  ">": "GREATER_THAN",
  ">=": "GREATER_THAN_OR_EQUAL",
  in: "IN",
  "not-in": "NOT_IN",
  has: "ARRAY_CONTAINS",
  "has-any": "ARRAY_CONTAINS_ANY",
};
const LISTS = new Set(["in", "not-in", "has-any"]);
const TEST = /^([\w.]+) (==|!=|<=|>=|<|>|in|not-in|has-any|has) (.+)$/;

/** `or` joins what `and` joins; `(` and `)` around an alternative, as in `a == 1 and (b == 1 or c == 1)`. */
export function filterOf(text: string): Json {
  const alternatives = split(text, " or ");
  if (alternatives.length > 1) return composite("OR", alternatives);
  const terms = split(text, " and ");
  if (terms.length > 1) return composite("AND", terms);
  if (text.startsWith("(")) return filterOf(text.slice(1, -1));
  return unaryOf(text) ?? comparisonOf(text);
}

function unaryOf(text: string): Json | undefined {
  const [, fieldPath, not, kind] = /^([\w.]+) is (not-)?(null|nan)$/.exec(text) ?? [];
  if (fieldPath === undefined) return undefined;
  const op = `IS_${not === undefined ? "" : "NOT_"}${kind === "nan" ? "NAN" : "NULL"}`;
  return { unaryFilter: { field: { fieldPath }, op } };
}

function comparisonOf(text: string): Json {
  const [, fieldPath = "", operator = "", operand = ""] = TEST.exec(text) ?? [];
  if (fieldPath === "") throw new Error(`no filter: ${text}`);
  const valueOf = fieldPath === "__name__" ? referenceOf : scalarOf;
  const value = LISTS.has(operator)
    ? { arrayValue: { values: operand.split(",").map(valueOf) } }
    : valueOf(operand);
  return { fieldFilter: { field: { fieldPath }, op: OPERATORS[operator], value } };
}

/** `-b, __name__`: descending with a minus. */
export function ordersOf(text: string): Json[] {
  if (text === "") return [];
  return text.split(", ").map((one) => ({
    field: { fieldPath: one.replace("-", "") },
    direction: one.startsWith("-") ? "DESCENDING" : "ASCENDING",
  }));
}

export function structuredQuery(collectionId: string, where: string, orders = ""): Json {
  return {
    from: [collectionId === "" ? {} : { collectionId }],
    ...(where === "" ? {} : { where: filterOf(where) }),
    orderBy: ordersOf(orders),
  };
}

function composite(op: "AND" | "OR", parts: readonly string[]): Json {
  return { compositeFilter: { op, filters: parts.map(filterOf) } };
}

/** Splits where no bracket is open. */
function split(text: string, separator: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === "(") depth += 1;
    else if (text[at] === ")") depth -= 1;
    else if (depth === 0 && text.startsWith(separator, at)) {
      parts.push(text.slice(start, at));
      start = at + separator.length;
    }
  }
  return [...parts, text.slice(start)];
}

function scalarOf(text: string): Json {
  return /^-?\d+$/.test(text) ? { integerValue: text } : { stringValue: text };
}

function referenceOf(text: string): Json {
  return { referenceValue: `projects/p/databases/(default)/documents/${text}` };
}
