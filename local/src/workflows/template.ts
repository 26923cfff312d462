/** A YAML value with `${...}` expressions in it, parsed once when the workflow is loaded. */
import { evaluate } from "./evaluate.ts";
import type { Environment } from "./evaluate.ts";
import { ExpressionSyntaxError } from "./expression-lexer.ts";
import type { Node } from "./expression-parser.ts";
import { parseExpression } from "./expression-parser.ts";
import { LIMITS } from "./limits.ts";
import type { Value } from "./value.ts";
import { isList, isMap, mapOf, toJsonText } from "./value.ts";
import { unreachable } from "./unreachable.ts";

export type Template =
  | { readonly kind: "constant"; readonly value: Value }
  | { readonly kind: "expression"; readonly node: Node }
  | { readonly kind: "text"; readonly parts: readonly (string | Node)[] }
  | { readonly kind: "list"; readonly items: readonly Template[] }
  | { readonly kind: "map"; readonly entries: readonly (readonly [string, Template])[] };

export const NULL_TEMPLATE: Template = { kind: "constant", value: null };

/** @throws ExpressionSyntaxError for an expression that does not parse or is longer than 400 characters. */
export function parseTemplate(value: Value): Template {
  if (typeof value === "string") return parseText(value);
  if (isList(value)) {
    const items = value.map(parseTemplate);
    return items.every((item) => item.kind === "constant")
      ? { kind: "constant", value }
      : { kind: "list", items };
  }
  if (isMap(value)) {
    const entries = Object.entries(value).map(([key, item]) => [key, parseTemplate(item)] as const);
    return entries.every(([, item]) => item.kind === "constant")
      ? { kind: "constant", value }
      : { kind: "map", entries };
  }
  return { kind: "constant", value };
}

export function render(template: Template, env: Environment): Value {
  switch (template.kind) {
    case "constant":
      return template.value;
    case "expression":
      return evaluate(template.node, env);
    case "text":
      return template.parts
        .map((part) => (typeof part === "string" ? part : asText(evaluate(part, env))))
        .join("");
    case "list":
      return template.items.map((item) => render(item, env));
    case "map":
      return mapOf(template.entries.map(([key, item]) => [key, render(item, env)] as const));
    default:
      return unreachable(template);
  }
}

/** Every expression inside the template. */
export function expressionsOf(template: Template): readonly Node[] {
  switch (template.kind) {
    case "constant":
      return [];
    case "expression":
      return [template.node];
    case "text":
      return template.parts.filter((part): part is Node => typeof part !== "string");
    case "list":
      return template.items.flatMap(expressionsOf);
    case "map":
      return template.entries.flatMap(([, item]) => expressionsOf(item));
    default:
      return unreachable(template);
  }
}

function parseText(text: string): Template {
  const parts: (string | Node)[] = [];
  let at = 0;
  for (;;) {
    const start = text.indexOf("${", at);
    if (start < 0) break;
    if (start > at) parts.push(text.slice(at, start));
    const end = closingBrace(text, start + 2);
    parts.push(parseLimited(text.slice(start + 2, end)));
    at = end + 1;
  }
  if (parts.length === 0) return { kind: "constant", value: text };
  if (at < text.length) parts.push(text.slice(at));
  const [only] = parts;
  return parts.length === 1 && only !== undefined && typeof only !== "string"
    ? { kind: "expression", node: only }
    : { kind: "text", parts };
}

function parseLimited(expression: string): Node {
  if (expression.length > LIMITS.expressionChars) {
    throw new ExpressionSyntaxError(
      `the expression has ${expression.length} characters; ${LIMITS.expressionChars} are allowed`,
      1,
    );
  }
  return parseExpression(expression);
}

function closingBrace(text: string, from: number): number {
  let depth = 0;
  let quote: string | undefined;
  for (let at = from; at < text.length; at++) {
    const char = text[at];
    if (quote !== undefined) {
      if (char === "\\") at += 1;
      else if (char === quote) quote = undefined;
    } else if (char === '"' || char === "'") quote = char;
    else if (char === "{") depth += 1;
    else if (char === "}") {
      if (depth === 0) return at;
      depth -= 1;
    }
  }
  throw new ExpressionSyntaxError(`"\${" is not closed in ${JSON.stringify(text)}`, from);
}

function asText(value: Value): string {
  return typeof value === "string" ? value : toJsonText(value);
}
