/** Gathers what rules did while they were tested: lines never reached, conditions that only ever went one way. */
import type { Outcome, Record, RulesObserver } from "./observer.ts";
import type { Position } from "./rules-syntax-error.ts";
import type { Allow, Expression } from "./syntax-tree.ts";

interface Watched {
  readonly at: Position;
  readonly seen: Set<Outcome>;
}

export interface CoverageReport {
  /** Lines on which an expression or an allow statement begins. */
  readonly lines: number;
  /** Those of which nothing was ever evaluated. */
  readonly unreached: readonly number[];
  readonly conditions: number;
  /** Conditions that were true and never anything else, or never true. */
  readonly oneSided: readonly {
    readonly line: number;
    readonly column: number;
    readonly never: string;
  }[];
}

export class RulesCoverage implements RulesObserver {
  readonly #nodes = new Map<Expression | Allow, Watched>();
  /** Operands of `&&`, `||` and `!`, tests of `?:`, whole conditions. */
  readonly #conditions = new Set<Expression>();

  expression(node: Expression): Record {
    for (const condition of conditionsIn(node)) this.#conditions.add(condition);
    return this.#watch(node);
  }

  statement(node: Allow): Record {
    if (node.condition !== null) this.#conditions.add(node.condition);
    return this.#watch(node);
  }

  #watch(node: Expression | Allow): Record {
    const seen = new Set<Outcome>();
    this.#nodes.set(node, { at: node.at, seen });
    return (outcome) => seen.add(outcome);
  }

  report(): CoverageReport {
    // `&&` at the beginning of a line is reached before the operand that follows it, so it does not count.
    const nodes = [...this.#nodes].flatMap(([node, watched]) => (isLogical(node) ? [] : [watched]));
    const reached = new Set(nodes.filter(({ seen }) => seen.size > 0).map(({ at }) => at.line));
    const lines = new Set(nodes.map(({ at }) => at.line));
    const conditions = [...this.#conditions].filter((node) => !isLogical(node));
    return {
      lines: lines.size,
      unreached: [...lines].filter((line) => !reached.has(line)).toSorted((a, b) => a - b),
      conditions: conditions.length,
      oneSided: conditions
        .flatMap((node) => this.#oneSided(node))
        .toSorted((a, b) => a.line - b.line || a.column - b.column),
    };
  }

  #oneSided(node: Expression): CoverageReport["oneSided"] {
    const seen = this.#nodes.get(node)?.seen ?? new Set();
    const isTrue = seen.has("true");
    const isRefused = seen.has("false") || seen.has("error") || seen.has("value");
    if (isTrue && isRefused) return [];
    const { line, column } = node.at;
    return [{ line, column, never: isTrue ? "false" : "true" }];
  }
}

function isLogical(node: Expression | Allow): boolean {
  return "kind" in node && node.kind === "logical";
}

function conditionsIn(node: Expression): readonly Expression[] {
  if (node.kind === "logical") return [node.left, node.right];
  if (node.kind === "not") return [node.operand];
  return node.kind === "conditional" ? [node.test] : [];
}
