/** Where the compiler stands in a definition: path, step, labels that `next` may name; and its problem list. */
import * as v from "valibot";
import { ExpressionSyntaxError } from "./expression-lexer.ts";
import type { Node } from "./expression-parser.ts";
import { parseExpression, walkExpression } from "./expression-parser.ts";
import { findFunction, isBlockingCall, whyNotCallable } from "./library/standard-library.ts";
import type { CallTarget } from "./program.ts";
import type { Template } from "./template.ts";
import { expressionsOf, NULL_TEMPLATE, parseTemplate } from "./template.ts";
import type { Value } from "./value.ts";
import { valueFromJson } from "./value.ts";

export type Path = readonly (string | number)[];

export interface CompileHost {
  lineOf(path: Path): number;
  report(problem: {
    readonly step: string;
    readonly path: string;
    readonly line: number;
    readonly message: string;
  }): void;
}

interface Place {
  readonly path: Path;
  readonly step: string;
  readonly labels: ReadonlySet<string>;
  readonly inLoop: boolean;
  readonly inParallelLoop: boolean;
  readonly parallelDepth: number;
}

const TOP: Place = {
  path: [],
  step: "",
  labels: new Set(),
  inLoop: false,
  inParallelLoop: false,
  parallelDepth: 0,
};

export class CompileContext {
  readonly #host: CompileHost;
  /** Subworkflows by name; `main` is not callable. */
  readonly subworkflows: ReadonlyMap<string, unknown>;
  readonly #place: Place;

  constructor(host: CompileHost, subworkflows: ReadonlyMap<string, unknown>, place: Place = TOP) {
    this.#host = host;
    this.subworkflows = subworkflows;
    this.#place = place;
  }

  get step(): string {
    return this.#place.step;
  }

  get line(): number {
    return this.#host.lineOf(this.#place.path);
  }

  get parallelDepth(): number {
    return this.#place.parallelDepth;
  }

  at(...keys: (string | number)[]): CompileContext {
    return this.#move({ path: [...this.#place.path, ...keys] });
  }

  inStep(step: string): CompileContext {
    return this.#move({ step });
  }

  withLabels(names: Iterable<string>): CompileContext {
    return this.#move({ labels: new Set([...this.#place.labels, ...names]) });
  }

  inLoop(): CompileContext {
    return this.#move({ inLoop: true, inParallelLoop: false });
  }

  /** Inside a branch or a parallel loop: no jump leaves it, and only `continue` is left of the loop words. */
  inParallel(isLoop: boolean): CompileContext {
    return this.#move({
      labels: new Set(),
      inLoop: false,
      inParallelLoop: isLoop,
      parallelDepth: this.#place.parallelDepth + 1,
    });
  }

  problem(message: string): void {
    const { path, step } = this.#place;
    this.#host.report({ step, path: path.join("."), line: this.#host.lineOf(path), message });
  }

  /** The parsed value, or undefined after reporting each issue at its own path. */
  parse<Schema extends v.GenericSchema>(
    schema: Schema,
    raw: unknown,
  ): v.InferOutput<Schema> | undefined {
    const result = v.safeParse(schema, raw);
    if (result.success) return result.output;
    for (const issue of result.issues) {
      const keys = (issue.path ?? []).map((item) => item.key as string | number);
      this.at(...keys).problem(issue.message);
    }
    return undefined;
  }

  template(raw: unknown): Template {
    try {
      const template = parseTemplate(valueFromJson(raw) satisfies Value);
      for (const node of expressionsOf(template)) this.checkCalls(node);
      return template;
    } catch (error) {
      this.#reportSyntax(error);
      return NULL_TEMPLATE;
    }
  }

  /** An expression without `${}` around it, as assignment targets are written. */
  expression(source: string): Node | undefined {
    try {
      return parseExpression(source);
    } catch (error) {
      this.#reportSyntax(error);
      return undefined;
    }
  }

  checkCalls(expression: Node): void {
    walkExpression(expression, (node) => {
      if (node.kind !== "call" || findFunction(node.name) !== undefined) return;
      if (isBlockingCall(node.name) || this.subworkflows.has(node.name)) {
        this.problem(`${node.name} cannot be called in an expression: use a call step`);
      } else {
        this.problem(whyNotCallable(node.name));
      }
    });
  }

  callTarget(name: string): CallTarget | undefined {
    if (this.subworkflows.has(name)) return { kind: "routine", name };
    if (isBlockingCall(name)) return { kind: "blocking", name };
    if (findFunction(name) !== undefined) return { kind: "function", name };
    this.problem(whyNotCallable(name));
    return undefined;
  }

  checkJump(target: string): void {
    const { labels, inLoop, inParallelLoop, parallelDepth } = this.#place;
    if (labels.has(target)) return;
    if (target === "break" && inLoop) return;
    if (target === "continue" && (inLoop || inParallelLoop)) return;
    if (target === "end" && parallelDepth === 0) return;
    const scope = parallelDepth > 0 ? " inside this parallel branch" : "";
    this.problem(`next: there is no step "${target}" to go to${scope}`);
  }

  #reportSyntax(error: unknown): void {
    if (!(error instanceof ExpressionSyntaxError)) throw error;
    this.problem(error.message);
  }

  #move(change: Partial<Place>): CompileContext {
    return new CompileContext(this.#host, this.subworkflows, { ...this.#place, ...change });
  }
}
