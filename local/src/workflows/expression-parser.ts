/** Parses one expression into a tree, by precedence climbing: or, and, not, comparisons and in, + -, * / % //, unary. */
import type { Token } from "./expression-lexer.ts";
import { ExpressionSyntaxError, tokenize } from "./expression-lexer.ts";
import type { Value } from "./value.ts";
import { unreachable } from "./unreachable.ts";

export type BinaryOperator =
  | "or"
  | "and"
  | "in"
  | "=="
  | "!="
  | "<"
  | "<="
  | ">"
  | ">="
  | "+"
  | "-"
  | "*"
  | "/"
  | "//"
  | "%";

export type Node =
  | { readonly kind: "literal"; readonly value: Value }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "member"; readonly object: Node; readonly name: string }
  | { readonly kind: "index"; readonly object: Node; readonly index: Node }
  | { readonly kind: "call"; readonly name: string; readonly args: readonly Node[] }
  | { readonly kind: "not"; readonly operand: Node }
  | { readonly kind: "negate"; readonly operand: Node }
  | { readonly kind: "plus"; readonly operand: Node }
  | { readonly kind: "list"; readonly items: readonly Node[] }
  | { readonly kind: "map"; readonly entries: readonly (readonly [Node, Node])[] }
  | {
      readonly kind: "binary";
      readonly operator: BinaryOperator;
      readonly left: Node;
      readonly right: Node;
    };

const PRECEDENCE: Readonly<Record<BinaryOperator, number>> = {
  or: 1,
  and: 2,
  in: 4,
  "==": 4,
  "!=": 4,
  "<": 4,
  "<=": 4,
  ">": 4,
  ">=": 4,
  "+": 5,
  "-": 5,
  "*": 6,
  "/": 6,
  "//": 6,
  "%": 6,
};
const NOT_PRECEDENCE = 3;
const UNARY_PRECEDENCE = 7;
const END: Token = { kind: "end" };

const LITERALS: Readonly<Record<string, Value>> = {
  true: true,
  True: true,
  TRUE: true,
  false: false,
  False: false,
  FALSE: false,
  null: null,
  Null: null,
  None: null,
};

/** @throws ExpressionSyntaxError saying what was found and what was expected. */
export function parseExpression(source: string): Node {
  return new Parser(source).parse();
}

class Parser {
  readonly #source: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(source: string) {
    this.#source = source;
    this.#tokens = tokenize(source);
  }

  parse(): Node {
    const node = this.#binary(0);
    if (this.#peek().kind !== "end") throw this.#unexpected("the end of the expression");
    return node;
  }

  #peek(ahead = 0): Token {
    return this.#tokens[this.#at + ahead] ?? END;
  }

  #isSymbol(text: string): boolean {
    const token = this.#peek();
    return token.kind === "symbol" && token.text === text;
  }

  #take(text: string): boolean {
    if (!this.#isSymbol(text)) return false;
    this.#at += 1;
    return true;
  }

  #want(text: string): void {
    if (!this.#take(text)) throw this.#unexpected(`"${text}"`);
  }

  #unexpected(wanted: string): ExpressionSyntaxError {
    return new ExpressionSyntaxError(
      `expected ${wanted}, found ${describeToken(this.#peek())} in "${this.#source}"`,
      this.#at + 1,
    );
  }

  #binary(minimum: number): Node {
    let left = this.#unary();
    for (;;) {
      const operator = this.#operatorAhead();
      if (operator === undefined || PRECEDENCE[operator.name] <= minimum) return left;
      this.#at += operator.tokens;
      const right = this.#binary(PRECEDENCE[operator.name]);
      const node: Node = { kind: "binary", operator: operator.name, left, right };
      left = operator.negated ? { kind: "not", operand: node } : node;
    }
  }

  #operatorAhead(): { name: BinaryOperator; tokens: number; negated: boolean } | undefined {
    const token = this.#peek();
    if (token.kind === "symbol" && Object.hasOwn(PRECEDENCE, token.text)) {
      return { name: token.text as BinaryOperator, tokens: 1, negated: false };
    }
    if (token.kind !== "word") return undefined;
    if (token.operator !== "not") return { name: token.operator, tokens: 1, negated: false };
    const after = this.#peek(1);
    const isNotIn = after.kind === "word" && after.operator === "in";
    return isNotIn ? { name: "in", tokens: 2, negated: true } : undefined;
  }

  #unary(): Node {
    const token = this.#peek();
    if (token.kind === "word" && token.operator === "not") {
      this.#at += 1;
      return { kind: "not", operand: this.#binary(NOT_PRECEDENCE) };
    }
    if (this.#take("-")) return { kind: "negate", operand: this.#binary(UNARY_PRECEDENCE) };
    if (this.#take("+")) return { kind: "plus", operand: this.#binary(UNARY_PRECEDENCE) };
    return this.#postfix(this.#primary());
  }

  #primary(): Node {
    const token = this.#peek();
    if (token.kind === "number" || token.kind === "string") {
      this.#at += 1;
      return { kind: "literal", value: token.value };
    }
    if (token.kind === "name") {
      this.#at += 1;
      return Object.hasOwn(LITERALS, token.text)
        ? { kind: "literal", value: LITERALS[token.text] ?? null }
        : { kind: "variable", name: token.text };
    }
    if (this.#take("(")) {
      const inner = this.#binary(0);
      this.#want(")");
      return inner;
    }
    if (this.#take("[")) return { kind: "list", items: this.#listUntil("]") };
    if (this.#take("{")) return this.#mapLiteral();
    throw this.#unexpected("a value");
  }

  #postfix(start: Node): Node {
    let node = start;
    for (;;) {
      if (this.#take(".")) {
        const token = this.#peek();
        if (token.kind !== "name" && token.kind !== "word") throw this.#unexpected("a name");
        this.#at += 1;
        node = { kind: "member", object: node, name: token.text };
      } else if (this.#take("[")) {
        const index = this.#binary(0);
        this.#want("]");
        node = { kind: "index", object: node, index };
      } else if (this.#isSymbol("(")) {
        const name = dottedName(node);
        if (name === undefined) throw this.#unexpected("an operator; only a named function");
        this.#at += 1;
        node = { kind: "call", name, args: this.#listUntil(")") };
      } else {
        return node;
      }
    }
  }

  #listUntil(close: string): Node[] {
    const items: Node[] = [];
    if (this.#take(close)) return items;
    do items.push(this.#binary(0));
    while (this.#take(","));
    this.#want(close);
    return items;
  }

  #mapLiteral(): Node {
    const entries: (readonly [Node, Node])[] = [];
    if (this.#take("}")) return { kind: "map", entries };
    do {
      const key = this.#binary(0);
      this.#want(":");
      entries.push([key, this.#binary(0)]);
    } while (this.#take(","));
    this.#want("}");
    return { kind: "map", entries };
  }
}

/** `a.b.c` as text when the node is a plain dotted name. */
export function dottedName(node: Node): string | undefined {
  if (node.kind === "variable") return node.name;
  if (node.kind !== "member") return undefined;
  const object = dottedName(node.object);
  return object === undefined ? undefined : `${object}.${node.name}`;
}

/** Calls `visit` for the node and everything below it. */
export function walkExpression(node: Node, visit: (node: Node) => void): void {
  visit(node);
  for (const child of childrenOf(node)) walkExpression(child, visit);
}

function childrenOf(node: Node): readonly Node[] {
  switch (node.kind) {
    case "literal":
    case "variable":
      return [];
    case "member":
      return [node.object];
    case "index":
      return [node.object, node.index];
    case "call":
      return node.args;
    case "not":
    case "negate":
    case "plus":
      return [node.operand];
    case "list":
      return node.items;
    case "map":
      return node.entries.flat();
    case "binary":
      return [node.left, node.right];
    default:
      return unreachable(node);
  }
}

function describeToken(token: Token): string {
  switch (token.kind) {
    case "end":
      return "the end";
    case "number":
    case "string":
      return JSON.stringify(token.value);
    case "name":
    case "word":
    case "symbol":
      return `"${token.text}"`;
    default:
      return unreachable(token);
  }
}
