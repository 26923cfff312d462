/** Label selectors (object form and query form) and field selectors. */
import type { V1LabelSelector } from "@kubernetes/client-node";
import type { KubeObject } from "./object.ts";
import { isRecord } from "./object.ts";

export type Labels = Readonly<Record<string, string>>;

interface Requirement {
  readonly key: string;
  readonly operator: string;
  readonly values: readonly string[];
}

/** An empty selector matches everything; an absent one nothing. */
export function matchesLabels(selector: V1LabelSelector | undefined, labels: Labels = {}): boolean {
  if (selector === undefined) return false;
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    if (labels[key] !== value) return false;
  }
  return (selector.matchExpressions ?? []).every((each) =>
    holds({ key: each.key, operator: each.operator, values: each.values ?? [] }, labels),
  );
}

function holds(requirement: Requirement, labels: Labels): boolean {
  const value = labels[requirement.key];
  switch (requirement.operator) {
    case "In":
      return value !== undefined && requirement.values.includes(value);
    case "NotIn":
      return value === undefined || !requirement.values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    default:
      return false;
  }
}

const SET_BASED = /^([^\s!=(),]+)\s+(in|notin)\s+\(([^)]*)\)$/;
const EQUALITY = /^([^\s!=(),]+)\s*(==|=|!=)\s*([^\s!=(),]*)$/;
const EXISTENCE = /^(!?)\s*([^\s!=(),]+)$/;

/** Parses `a=b,c!=d,e in (f,g),h,!i`; undefined when the text is no selector. */
export function parseLabelSelector(text: string): ((labels: Labels) => boolean) | undefined {
  const requirements: Requirement[] = [];
  for (const part of splitTopLevel(text)) {
    const parsed = parseRequirement(part);
    if (parsed === undefined) return undefined;
    requirements.push(parsed);
  }
  return (labels) => requirements.every((requirement) => holds(requirement, labels));
}

function parseRequirement(part: string): Requirement | undefined {
  const set = SET_BASED.exec(part);
  if (set !== null) {
    const values = (set[3] ?? "").split(",").map((value) => value.trim());
    return { key: set[1] ?? "", operator: set[2] === "in" ? "In" : "NotIn", values };
  }
  const equality = EQUALITY.exec(part);
  if (equality !== null) {
    const operator = equality[2] === "!=" ? "NotIn" : "In";
    return { key: equality[1] ?? "", operator, values: [equality[3] ?? ""] };
  }
  const existence = EXISTENCE.exec(part);
  if (existence === null) return undefined;
  const operator = existence[1] === "!" ? "DoesNotExist" : "Exists";
  return { key: existence[2] ?? "", operator, values: [] };
}

function splitTopLevel(text: string): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let current = "";
  for (const character of text) {
    if (character === "(") depth += 1;
    if (character === ")") depth -= 1;
    if (character === "," && depth === 0) {
      parts.push(current.trim());
      current = "";
    } else current += character;
  }
  parts.push(current.trim());
  return parts.filter((part) => part !== "");
}

const FIELDS = new Set([
  "metadata.name",
  "metadata.namespace",
  "status.phase",
  "status.podIP",
  "spec.nodeName",
  "spec.restartPolicy",
  "type",
  "reason",
  "involvedObject.name",
  "involvedObject.uid",
  "involvedObject.kind",
]);

/** Parses `metadata.name=x,status.phase!=Running`; a field not in the list gives its name back. */
export function parseFieldSelector(
  text: string,
): ((object: KubeObject) => boolean) | { readonly unsupported: string } {
  const parts = splitTopLevel(text).map((part) => EQUALITY.exec(part));
  for (const [index, part] of parts.entries()) {
    if (part === null) return { unsupported: splitTopLevel(text)[index] ?? text };
    if (!FIELDS.has(part[1] ?? "")) return { unsupported: part[1] ?? "" };
  }
  return (object) =>
    parts.every((part) => {
      const actual = fieldText(object, part?.[1] ?? "");
      return (actual === (part?.[3] ?? "")) === (part?.[2] !== "!=");
    });
}

function fieldText(object: KubeObject, path: string): string {
  let value: unknown = object;
  for (const name of path.split(".")) value = isRecord(value) ? value[name] : undefined;
  return typeof value === "string" ? value : "";
}
