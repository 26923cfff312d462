/** Checks one expression against the supported subset and the names in scope. */
import { DOCUMENT_FUNCTIONS, GLOBAL_FUNCTIONS, namespaceFunction } from "./functions.ts";
import { aritiesOf } from "./methods.ts";
import { REQUEST_FIELDS, TYPE_NAMES } from "./names.ts";
import { compilePattern } from "./pattern.ts";
import { PatternError } from "./pattern-syntax.ts";
import type { Position } from "./rules-syntax-error.ts";
import { PATTERN_METHODS } from "./string-methods.ts";
import type {
  Call,
  Expression,
  FunctionDeclaration,
  Member,
  MethodCall,
  NamespaceCall,
} from "./syntax-tree.ts";

export interface Scope {
  readonly variables: ReadonlySet<string>;
  readonly functions: ReadonlyMap<string, FunctionDeclaration>;
  /** Told which function of the file a call means. */
  readonly resolved: (call: Call, declared: FunctionDeclaration) => void;
  readonly fail: (what: string, at: Position) => never;
}

export function checkExpression(node: Expression, scope: Scope): void {
  for (const child of childrenOf(node)) checkExpression(child, scope);
  checkNode(node, scope);
}

function checkNode(node: Expression, scope: Scope): void {
  if (node.kind === "variable" && !scope.variables.has(node.name)) {
    scope.fail(`unknown variable '${node.name}'`, node.at);
  }
  if (node.kind === "is" && !TYPE_NAMES.has(node.type)) {
    scope.fail(`unknown type '${node.type}'`, node.at);
  }
  if (node.kind === "member") checkMember(node, scope);
  if (node.kind === "call") checkCall(node, scope);
  if (node.kind === "method") checkMethod(node, scope);
  if (node.kind === "namespace") checkNamespace(node, scope);
}

function checkNamespace(node: NamespaceCall, scope: Scope): void {
  const builtIn = namespaceFunction(node.namespace, node.name);
  const name = `${node.namespace}.${node.name}`;
  if (builtIn === undefined) scope.fail(`unknown function '${name}'`, node.at);
  checkArity(name, builtIn?.arity ?? 0, node.args.length, node.at, scope);
}

function checkCall(node: Call, scope: Scope): void {
  const declared = scope.functions.get(node.name);
  if (declared !== undefined) {
    scope.resolved(node, declared);
    checkArity(node.name, declared.parameters.length, node.args.length, node.at, scope);
    return;
  }
  const isDocument = DOCUMENT_FUNCTIONS.has(node.name);
  const builtIn = Object.hasOwn(GLOBAL_FUNCTIONS, node.name)
    ? GLOBAL_FUNCTIONS[node.name]
    : undefined;
  if (!isDocument && builtIn === undefined) {
    scope.fail(`unknown function '${node.name}'`, node.at);
  }
  checkArity(node.name, builtIn?.arity ?? 1, node.args.length, node.at, scope);
}

function checkArity(
  name: string,
  expected: number,
  found: number,
  at: Position,
  scope: Scope,
): void {
  if (expected !== found) {
    scope.fail(`'${name}' takes ${expected} argument(s), found ${found}`, at);
  }
}

function checkMethod(node: MethodCall, scope: Scope): void {
  const arities = aritiesOf(node.name);
  if (arities.size === 0) scope.fail(`unknown method '${node.name}'`, node.at);
  if (!arities.has(node.args.length)) {
    const allowed = [...arities].join(" or ");
    scope.fail(`'${node.name}' takes ${allowed} argument(s), found ${node.args.length}`, node.at);
  }
  const [first] = node.args;
  if (!PATTERN_METHODS.has(node.name) || first?.kind !== "literal") return;
  if (typeof first.value !== "string") scope.fail("a pattern must be a string", first.at);
  checkPattern(first.value, first.at, scope);
}

function checkPattern(pattern: string, at: Position, scope: Scope): void {
  try {
    compilePattern(pattern);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    scope.fail(`pattern: ${error.message}`, at);
  }
}

/** `request.app` and the like do not exist here; they would deny for ever, so they are refused at once. */
function checkMember(node: Member, scope: Scope): void {
  const known = REQUEST_FIELDS[nameOf(node.of) ?? ""];
  if (known !== undefined && !known.has(node.name)) {
    scope.fail(`'${nameOf(node.of) ?? ""}.${node.name}' is not supported`, node.at);
  }
}

/** `a.b` as written, or undefined for anything but plain names. */
function nameOf(node: Expression): string | undefined {
  if (node.kind === "variable") return node.name;
  if (node.kind !== "member") return undefined;
  const of = nameOf(node.of);
  return of === undefined ? undefined : `${of}.${node.name}`;
}

type ChildrenByKind = {
  readonly [K in Expression["kind"]]: (
    node: Extract<Expression, { readonly kind: K }>,
  ) => readonly Expression[];
};

const CHILDREN: ChildrenByKind = {
  literal: () => [],
  variable: () => [],
  list: (node) => node.items,
  map: (node) => node.entries.map(([, value]) => value),
  path: (node) => node.segments,
  member: (node) => [node.of],
  method: (node) => [node.of, ...node.args],
  call: (node) => node.args,
  namespace: (node) => node.args,
  index: (node) => [node.of, node.index],
  slice: (node) => [node.of, node.from, node.to],
  not: (node) => [node.operand],
  negate: (node) => [node.operand],
  is: (node) => [node.operand],
  conditional: (node) => [node.test, node.yes, node.no],
  logical: (node) => [node.left, node.right],
  binary: (node) => [node.left, node.right],
};

function childrenOf(node: Expression): readonly Expression[] {
  // The table pairs every kind with its own node type, which an indexed call cannot express.
  const children = CHILDREN[node.kind] as (node: Expression) => readonly Expression[];
  return children(node);
}
