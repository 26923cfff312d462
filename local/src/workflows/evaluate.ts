/** Evaluates parsed expressions. Types are never coerced: a wrong operand is a `TypeError` the workflow can catch. */
import type { BinaryOperator, Node } from "./expression-parser.ts";
import type { Value } from "./value.ts";
import { equalValues, isList, isMap, mapOf, typeName } from "./value.ts";
import { raised } from "./workflow-error.ts";
import { unreachable } from "./unreachable.ts";

/** What an expression may see: variables by name and non-blocking library functions. */
export interface Environment {
  /** @throws WorkflowError `KeyError` when there is no such variable. */
  read(name: string): Value;
  /** @throws WorkflowError of the function. */
  callFunction(name: string, args: readonly Value[]): Value;
}

export function evaluate(node: Node, env: Environment): Value {
  switch (node.kind) {
    case "literal":
      return node.value;
    case "variable":
      return env.read(node.name);
    case "member":
      return lookUp(evaluate(node.object, env), node.name);
    case "index":
      return lookUp(evaluate(node.object, env), evaluate(node.index, env));
    case "call":
      return env.callFunction(
        node.name,
        node.args.map((arg) => evaluate(arg, env)),
      );
    case "not":
      return !asBoolean("not", evaluate(node.operand, env));
    case "negate":
      return -asNumber("-", evaluate(node.operand, env));
    case "plus":
      return asNumber("+", evaluate(node.operand, env));
    case "list":
      return node.items.map((item) => evaluate(item, env));
    case "map":
      return mapOf(node.entries.map(([key, value]) => evaluateEntry(key, value, env)));
    case "binary":
      return evaluateBinary(node.operator, node.left, node.right, env);
    default:
      return unreachable(node);
  }
}

/** Element of a list (negative counts from the end) or of a map. */
export function lookUp(object: Value, key: Value): Value {
  if (isList(object)) {
    if (typeof key !== "number" || !Number.isInteger(key)) {
      throw raised("TypeError", `a list index must be an integer, not ${typeName(key)}`);
    }
    const at = key < 0 ? object.length + key : key;
    const item = object[at];
    if (item === undefined) {
      throw raised("IndexError", `index ${key} is outside a list of ${object.length}`);
    }
    return item;
  }
  if (isMap(object)) {
    if (typeof key !== "string") {
      throw raised("TypeError", `a map key must be a string, not ${typeName(key)}`);
    }
    const item = Object.hasOwn(object, key) ? object[key] : undefined;
    if (item === undefined) throw raised("KeyError", `key not found: ${key}`);
    return item;
  }
  throw raised("TypeError", `cannot look up ${JSON.stringify(key)} in ${typeName(object)}`);
}

function evaluateEntry(key: Node, value: Node, env: Environment): readonly [string, Value] {
  const name = evaluate(key, env);
  if (typeof name !== "string") {
    throw raised("TypeError", `a map key must be a string, not ${typeName(name)}`);
  }
  return [name, evaluate(value, env)];
}

function evaluateBinary(
  operator: BinaryOperator,
  leftNode: Node,
  rightNode: Node,
  env: Environment,
): Value {
  if (operator === "and" || operator === "or") {
    const left = asBoolean(operator, evaluate(leftNode, env));
    if (left === (operator === "or")) return left;
    return asBoolean(operator, evaluate(rightNode, env));
  }
  return OPERATIONS[operator](evaluate(leftNode, env), evaluate(rightNode, env));
}

type Operation = (left: Value, right: Value) => Value;

const OPERATIONS: Readonly<Record<Exclude<BinaryOperator, "and" | "or">, Operation>> = {
  "==": equalValues,
  "!=": (left, right) => !equalValues(left, right),
  in: contains,
  "<": (left, right) => order(left, right) < 0,
  "<=": (left, right) => order(left, right) <= 0,
  ">": (left, right) => order(left, right) > 0,
  ">=": (left, right) => order(left, right) >= 0,
  "+": add,
  "-": arithmetic("-", (left, right) => left - right),
  "*": arithmetic("*", (left, right) => left * right),
  "/": division("/", (left, right) => left / right),
  "//": division("//", (left, right) => Math.floor(left / right)),
  "%": division("%", (left, right) => left - right * Math.floor(left / right)),
};

function contains(item: Value, container: Value): boolean {
  if (isList(container)) return container.some((other) => equalValues(item, other));
  if (isMap(container)) return typeof item === "string" && Object.hasOwn(container, item);
  throw raised("TypeError", `"in" looks into a list or a map, not ${typeName(container)}`);
}

/** Negative, zero or positive, as sorting wants it; NaN (no order) makes every comparison false. */
function order(left: Value, right: Value): number {
  if (typeof left === "number" && typeof right === "number") return left - right;
  if (typeof left === "string" && typeof right === "string") {
    return left < right ? -1 : left > right ? 1 : 0;
  }
  throw raised("TypeError", `cannot compare ${typeName(left)} with ${typeName(right)}`);
}

function add(left: Value, right: Value): Value {
  if (typeof left === "string" && typeof right === "string") return left + right;
  if (isList(left) && isList(right)) return [...left, ...right];
  if (typeof left !== "number" || typeof right !== "number") {
    throw raised("TypeError", `cannot add ${typeName(left)} and ${typeName(right)}`);
  }
  return exact("+", left, right, left + right);
}

function arithmetic(
  operator: string,
  calculate: (left: number, right: number) => number,
): Operation {
  return (left, right) => {
    const [a, b] = [asNumber(operator, left), asNumber(operator, right)];
    return exact(operator, a, b, calculate(a, b));
  };
}

function division(operator: string, divide: (left: number, right: number) => number): Operation {
  return (left, right) => {
    const [a, b] = [asNumber(operator, left), asNumber(operator, right)];
    if (b === 0) throw raised("ZeroDivisionError", "division by zero");
    return divide(a, b);
  };
}

/** Production counts in 64-bit integers; a result JavaScript cannot hold exactly is refused, not rounded. */
function exact(operator: string, left: number, right: number, result: number): number {
  const integers = Number.isInteger(left) && Number.isInteger(right);
  if (integers && !Number.isSafeInteger(result)) {
    throw raised("ValueError", `${left} ${operator} ${right} is beyond the exact integers`);
  }
  return result;
}

function asNumber(operator: string, value: Value): number {
  if (typeof value === "number") return value;
  throw raised("TypeError", `"${operator}" wants numbers, not ${typeName(value)}`);
}

function asBoolean(operator: string, value: Value): boolean {
  if (typeof value === "boolean") return value;
  throw raised("TypeError", `"${operator}" wants booleans, not ${typeName(value)}`);
}
