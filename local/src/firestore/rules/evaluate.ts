/** Evaluates checked expressions. Anything unexpected is an `EvaluationError`, and an error never allows. */
import { EvaluationError, UnknownValueError } from "./evaluation-error.ts";
import { DOCUMENT_FUNCTIONS, GLOBAL_FUNCTIONS, namespaceFunction } from "./functions.ts";
import { importDocument } from "./import-values.ts";
import type { Budget } from "./limits.ts";
import { methodOf } from "./methods.ts";
import { OPERATIONS } from "./operators.ts";
import type { RulesRequest } from "./rules.ts";
import type { Call, Expression, FunctionDeclaration, Logical } from "./syntax-tree.ts";
import { entryOf, kindOf, list, map, path, type Value } from "./values.ts";

/** One request being decided. */
export interface Evaluation {
  readonly request: RulesRequest;
  /** `request` and `resource`. */
  readonly globals: ReadonlyMap<string, Value>;
  readonly budget: Budget;
  /** Which function of the file each call means, as the checker resolved it. */
  readonly functions: ReadonlyMap<Call, FunctionDeclaration>;
}

/** Variables visible to an expression. */
export interface Frame {
  readonly evaluation: Evaluation;
  /** Wildcards of the matched path; undefined = not determined by a list query. */
  readonly captures: ReadonlyMap<string, Value | undefined>;
  /** Parameters and `let`s of the running function. */
  readonly locals: ReadonlyMap<string, Value>;
}

type Evaluators = {
  readonly [K in Expression["kind"]]: (
    node: Extract<Expression, { readonly kind: K }>,
    frame: Frame,
  ) => Value;
};

export function evaluate(node: Expression, frame: Frame): Value {
  frame.evaluation.budget.evaluated();
  // The table pairs every kind with its own node type, which an indexed call cannot express.
  const evaluator = EVALUATORS[node.kind] as (node: Expression, frame: Frame) => Value;
  try {
    return evaluator(node, frame);
  } catch (error) {
    if (error instanceof EvaluationError && error.line === 0) error.line = node.at.line;
    throw error;
  }
}

const EVALUATORS: Evaluators = {
  literal: (node) => node.value,
  list: (node, frame) => list(node.items.map((item) => evaluate(item, frame))),
  map: (node, frame) => map(node.entries.map(([key, value]) => [key, evaluate(value, frame)])),
  path: (node, frame) =>
    path(node.segments.flatMap((segment) => segmentsOf(evaluate(segment, frame)))),
  variable: (node, frame) => variable(node.name, frame),
  member: (node, frame) => member(evaluate(node.of, frame), node.name),
  index: (node, frame) => at(evaluate(node.of, frame), evaluate(node.index, frame)),
  slice: (node, frame) =>
    slice(evaluate(node.of, frame), evaluate(node.from, frame), evaluate(node.to, frame)),
  not: (node, frame) => !truth(evaluate(node.operand, frame)),
  negate: (node, frame) => OPERATIONS["*"](-1n, evaluate(node.operand, frame)),
  conditional: (node, frame) =>
    evaluate(truth(evaluate(node.test, frame)) ? node.yes : node.no, frame),
  logical,
  binary: (node, frame) =>
    OPERATIONS[node.operator](evaluate(node.left, frame), evaluate(node.right, frame)),
  is: (node, frame) => isOfType(evaluate(node.operand, frame), node.type),
  call,
  method: (node, frame) => {
    const receiver = evaluate(node.of, frame);
    const method = methodOf(receiver, node.name);
    if (method === undefined || method.arity !== node.args.length) {
      throw new EvaluationError(`a ${kindOf(receiver)} has no method '${node.name}'`);
    }
    return method.run(
      receiver,
      node.args.map((arg) => evaluate(arg, frame)),
    );
  },
  namespace: (node, frame) => {
    const builtIn = namespaceFunction(node.namespace, node.name);
    if (builtIn === undefined) throw new EvaluationError(`no ${node.namespace}.${node.name}`);
    return builtIn.run(node.args.map((arg) => evaluate(arg, frame)));
  },
};

function truth(value: Value): boolean {
  if (typeof value === "boolean") return value;
  throw new EvaluationError(`expected a bool, found ${kindOf(value)}`);
}

/** Either side may decide alone: an error on the other side then does not matter. */
function logical(node: Logical, frame: Frame): boolean {
  const decisive = node.operator === "||";
  let failure: EvaluationError | null = null;
  try {
    if (truth(evaluate(node.left, frame)) === decisive) return decisive;
  } catch (error) {
    if (!(error instanceof EvaluationError)) throw error;
    failure = error;
  }
  const right = truth(evaluate(node.right, frame));
  if (right === decisive || failure === null) return right;
  throw failure;
}

function variable(name: string, frame: Frame): Value {
  const local = frame.locals.get(name);
  if (local !== undefined) return local;
  const global = frame.evaluation.globals.get(name);
  if (global !== undefined) return global;
  const captured = frame.captures.get(name);
  if (captured !== undefined) return captured;
  throw new UnknownValueError(`the query does not determine '${name}'`);
}

function member(of: Value, name: string): Value {
  if (typeof of !== "object" || of?.kind !== "map") {
    throw new EvaluationError(`a ${kindOf(of)} has no field '${name}'`);
  }
  const found = entryOf(of, name);
  if (found === undefined) throw new EvaluationError(`there is no field '${name}'`);
  return found;
}

function at(of: Value, index: Value): Value {
  if (typeof of === "object" && of?.kind === "map") {
    if (typeof index !== "string") throw new EvaluationError("a map is indexed by a string");
    return member(of, index);
  }
  const items = itemsOf(of);
  const found = typeof index === "bigint" && index >= 0n ? items[Number(index)] : undefined;
  if (found === undefined) throw new EvaluationError("the index is out of range");
  return found;
}

function itemsOf(of: Value): readonly Value[] {
  if (typeof of === "string") return of.split("");
  if (typeof of === "object" && of?.kind === "list") return of.items;
  if (typeof of === "object" && of?.kind === "path") return of.segments;
  throw new EvaluationError(`a ${kindOf(of)} cannot be indexed`);
}

function slice(of: Value, from: Value, to: Value): Value {
  if (typeof from !== "bigint" || typeof to !== "bigint") {
    throw new EvaluationError("a slice needs two ints");
  }
  const length = itemsOf(of).length;
  if (from < 0n || from > to || to > length) {
    throw new EvaluationError("the slice is out of range");
  }
  if (typeof of === "string") return of.slice(Number(from), Number(to));
  if (typeof of === "object" && of?.kind === "list") {
    return list(of.items.slice(Number(from), Number(to)));
  }
  throw new EvaluationError(`a ${kindOf(of)} cannot be sliced`);
}

function isOfType(value: Value, type: string): boolean {
  const kind = kindOf(value);
  return kind === type || (type === "number" && (kind === "int" || kind === "float"));
}

/** A segment must be one segment: text with a '/' could point anywhere else. */
function segmentsOf(value: Value): readonly string[] {
  if (typeof value === "object" && value?.kind === "path") return value.segments;
  if (typeof value !== "string") {
    throw new EvaluationError(`a ${kindOf(value)} cannot be a path segment`);
  }
  if (value === "" || value.includes("/")) {
    throw new EvaluationError("a path segment must not be empty or contain '/'");
  }
  return [value];
}

function call(node: Call, frame: Frame): Value {
  const args = node.args.map((arg) => evaluate(arg, frame));
  const declared = frame.evaluation.functions.get(node);
  if (declared !== undefined) return callDeclared(declared, args, frame);
  if (DOCUMENT_FUNCTIONS.has(node.name)) {
    return readDocument(node.name, args[0] ?? null, frame.evaluation);
  }
  const builtIn = GLOBAL_FUNCTIONS[node.name];
  if (builtIn === undefined) throw new EvaluationError(`no function '${node.name}'`);
  return builtIn.run(args);
}

function callDeclared(declared: FunctionDeclaration, args: readonly Value[], frame: Frame): Value {
  return frame.evaluation.budget.called(() => {
    const locals = new Map<string, Value>();
    for (const [index, name] of declared.parameters.entries()) {
      locals.set(name, args[index] ?? null);
    }
    const inner = { ...frame, locals };
    for (const binding of declared.lets) locals.set(binding.name, evaluate(binding.value, inner));
    return evaluate(declared.result, inner);
  });
}

/** exists, get and their -After forms. `get` of a missing document is an error, never null. */
function readDocument(name: string, target: Value, { request, budget }: Evaluation): Value {
  if (typeof target !== "object" || target?.kind !== "path") {
    throw new EvaluationError(`${name}: expected a path`);
  }
  const [databases, , documents] = target.segments;
  const isDocument = target.segments.length > 3 && target.segments.length % 2 === 1;
  if (databases !== "databases" || documents !== "documents" || !isDocument) {
    throw new EvaluationError(`${name}: expected /databases/{d}/documents/... of a document`);
  }
  const project = request.name.split("/").slice(0, 2).join("/");
  const key = `${project}/${target.segments.join("/")}`;
  const after = name.endsWith("After");
  budget.accessed(after ? `${key} after` : key);
  const document = after ? request.readAfter(key) : request.read(key);
  if (name.startsWith("exists")) return document !== null;
  if (document === null) throw new EvaluationError(`${name}: the document does not exist`);
  return importDocument(document);
}
