/** The parsed form of a rules file. Every node carries where it was written. */
import type { Position } from "./rules-syntax-error.ts";
import type { Bytes } from "./values.ts";

export type BinaryOperator =
  | "=="
  | "!="
  | "<"
  | "<="
  | ">"
  | ">="
  | "in"
  | "+"
  | "-"
  | "*"
  | "/"
  | "%";

interface Node {
  readonly at: Position;
}

export interface Literal extends Node {
  readonly kind: "literal";
  readonly value: null | boolean | bigint | number | string | Bytes;
}
export interface ListLiteral extends Node {
  readonly kind: "list";
  readonly items: readonly Expression[];
}
export interface MapLiteral extends Node {
  readonly kind: "map";
  readonly entries: readonly (readonly [key: string, value: Expression])[];
}
/** `/a/$(b)`: fixed segments are literals. */
export interface PathLiteral extends Node {
  readonly kind: "path";
  readonly segments: readonly Expression[];
}
export interface Variable extends Node {
  readonly kind: "variable";
  readonly name: string;
}
export interface Member extends Node {
  readonly kind: "member";
  readonly of: Expression;
  readonly name: string;
}
export interface Index extends Node {
  readonly kind: "index";
  readonly of: Expression;
  readonly index: Expression;
}
export interface Slice extends Node {
  readonly kind: "slice";
  readonly of: Expression;
  readonly from: Expression;
  readonly to: Expression;
}
export interface Not extends Node {
  readonly kind: "not";
  readonly operand: Expression;
}
export interface Negate extends Node {
  readonly kind: "negate";
  readonly operand: Expression;
}
export interface Conditional extends Node {
  readonly kind: "conditional";
  readonly test: Expression;
  readonly yes: Expression;
  readonly no: Expression;
}
export interface Logical extends Node {
  readonly kind: "logical";
  readonly operator: "&&" | "||";
  readonly left: Expression;
  readonly right: Expression;
}
export interface Binary extends Node {
  readonly kind: "binary";
  readonly operator: BinaryOperator;
  readonly left: Expression;
  readonly right: Expression;
}
export interface TypeTest extends Node {
  readonly kind: "is";
  readonly operand: Expression;
  readonly type: string;
}
/** `name(...)`: a function of the file or a built-in one. */
export interface Call extends Node {
  readonly kind: "call";
  readonly name: string;
  readonly args: readonly Expression[];
}
/** `value.name(...)`. */
export interface MethodCall extends Node {
  readonly kind: "method";
  readonly of: Expression;
  readonly name: string;
  readonly args: readonly Expression[];
}
/** `duration.value(...)`. */
export interface NamespaceCall extends Node {
  readonly kind: "namespace";
  readonly namespace: string;
  readonly name: string;
  readonly args: readonly Expression[];
}

export type Expression =
  | Literal
  | ListLiteral
  | MapLiteral
  | PathLiteral
  | Variable
  | Member
  | Index
  | Slice
  | Not
  | Negate
  | Conditional
  | Logical
  | Binary
  | TypeTest
  | Call
  | MethodCall
  | NamespaceCall;

export interface LetBinding extends Node {
  readonly name: string;
  readonly value: Expression;
}

export interface FunctionDeclaration extends Node {
  readonly name: string;
  readonly parameters: readonly string[];
  readonly lets: readonly LetBinding[];
  readonly result: Expression;
}

export type Method = "get" | "list" | "create" | "update" | "delete";

export interface Allow extends Node {
  readonly methods: ReadonlySet<Method>;
  /** Absent = always. */
  readonly condition: Expression | null;
}

export type PathPattern =
  | { readonly kind: "fixed"; readonly text: string }
  | (Node & { readonly kind: "one"; readonly capture: string })
  | (Node & { readonly kind: "rest"; readonly capture: string });

export interface MatchBlock extends Node {
  readonly path: readonly PathPattern[];
  readonly functions: readonly FunctionDeclaration[];
  readonly allows: readonly Allow[];
  readonly matches: readonly MatchBlock[];
}

/** The service block: a match block with an empty path. */
export type RulesTree = MatchBlock;
