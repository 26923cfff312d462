/** Comparisons and `in`: the operators that facts from a list query can decide without a value. */
import { contains } from "./equality.ts";
import { UnknownValueError } from "./evaluation-error.ts";
import { decided, mirrored, type Comparison, type FieldFacts } from "./field-facts.ts";
import { OPERATIONS } from "./operators.ts";
import type { Frame, Run } from "./run.ts";
import type { Binary, Expression } from "./syntax-tree.ts";
import type { Value } from "./values.ts";

type ComparisonNode = Binary & { readonly operator: Comparison | "in" };

export function isComparison(node: Binary): node is ComparisonNode {
  return ["==", "!=", "<", "<=", ">", ">=", "in"].includes(node.operator);
}

/** `left` and `right` are the compiled sides of the node. */
export function comparisonOf(node: ComparisonNode, left: Run, right: Run): Run {
  const operation = OPERATIONS[node.operator];
  if (!isField(node.left) && !isField(node.right)) {
    return (frame) => operation(left(frame), right(frame));
  }
  return (frame) => {
    const a = valueOrUnknown(node.left, left, frame);
    const b = valueOrUnknown(node.right, right, frame);
    if (!(a instanceof UnknownValueError) && !(b instanceof UnknownValueError)) {
      return operation(a, b);
    }
    const proven = provenResult(node.operator, a, b);
    if (proven !== undefined) return proven;
    throw firstUnknown(a, b);
  };
}

type Operand = Value | UnknownValueError;

/** Only a field read right here: an unknown further inside says nothing about the operand as a whole. */
function isField(node: Expression): boolean {
  return node.kind === "member" || node.kind === "index";
}

function valueOrUnknown(node: Expression, run: Run, frame: Frame): Operand {
  if (!isField(node)) return run(frame);
  try {
    return run(frame);
  } catch (error) {
    if (error instanceof UnknownValueError && error.at === node.at) return error;
    throw error;
  }
}

function firstUnknown(...operands: readonly Operand[]): UnknownValueError {
  const unknown = operands.find((operand) => operand instanceof UnknownValueError);
  return unknown ?? new UnknownValueError("the query does not determine the comparison");
}

function provenResult(
  operator: Comparison | "in",
  left: Operand,
  right: Operand,
): boolean | undefined {
  if (left instanceof UnknownValueError) {
    if (right instanceof UnknownValueError || left.facts === null) return undefined;
    return operator === "in" ? isNoneOf(left.facts, right) : decided(left.facts, operator, right);
  }
  if (!(right instanceof UnknownValueError) || right.facts === null) return undefined;
  if (operator !== "in") return decided(right.facts, mirrored(operator), left);
  return contains(right.facts.contained, left) ? true : undefined;
}

/** `field in [...]` is decided only when no item can be the field's value. */
function isNoneOf(facts: FieldFacts, items: Value): false | undefined {
  if (typeof items !== "object" || items?.kind !== "list") return undefined;
  return items.items.every((item) => decided(facts, "==", item) === false) ? false : undefined;
}
