/** Expressions whose value never changes: the tables of a rules file are built once, not for every request. */
import type { Expression } from "./syntax-tree.ts";
import { list, map, type Value } from "./values.ts";

interface Constant {
  readonly value: Value;
  /** How many nodes of the syntax tree it counts as when evaluated. */
  readonly nodes: number;
}

/** Null for anything but literals and lists and maps of constants. */
export function constantOf(node: Expression): Constant | null {
  if (node.kind === "literal") return { value: node.value, nodes: 1 };
  if (node.kind === "list") {
    const items = constantsOf(node.items);
    return items === null ? null : { value: list(items.map(valueOf)), nodes: nodesOf(items) };
  }
  if (node.kind !== "map") return null;
  const values = constantsOf(node.entries.map(([, value]) => value));
  if (values === null) return null;
  const entries = node.entries.map(([key], index) => [key, values[index]?.value ?? null] as const);
  return { value: map(entries), nodes: nodesOf(values) };
}

function constantsOf(nodes: readonly Expression[]): readonly Constant[] | null {
  const found: Constant[] = [];
  for (const node of nodes) {
    const constant = constantOf(node);
    if (constant === null) return null;
    found.push(constant);
  }
  return found;
}

function valueOf({ value }: Constant): Value {
  return value;
}

function nodesOf(parts: readonly Constant[]): number {
  return parts.reduce((sum, part) => sum + part.nodes, 1);
}
