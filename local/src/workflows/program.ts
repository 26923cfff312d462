/** A workflow definition after validation: every expression parsed, every call target known. */
import type { Node } from "./expression-parser.ts";
import type { Backoff } from "./library/retry-predicates.ts";
import type { BlockingCall } from "./library/standard-library.ts";
import type { Template } from "./template.ts";

export interface Program {
  readonly routines: ReadonlyMap<string, Routine>;
}

/** The main workflow or a subworkflow. */
export interface Routine {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  readonly block: Block;
}

export interface Parameter {
  readonly name: string;
  /** Value when the caller gives none; absent = the caller must give one. */
  readonly fallback?: Template;
}

/** Steps that run in order, and where each name stands for `next`. */
export interface Block {
  readonly steps: readonly Step[];
  readonly positions: ReadonlyMap<string, number>;
}

export interface Step {
  readonly name: string;
  /** Line in the source, from 1. */
  readonly line: number;
  readonly action: Action;
  readonly next: string | undefined;
}

export type Action =
  | { readonly kind: "none" }
  | { readonly kind: "assign"; readonly assignments: readonly Assignment[] }
  | CallAction
  | { readonly kind: "switch"; readonly cases: readonly SwitchCase[] }
  | { readonly kind: "for"; readonly loop: Loop }
  | ParallelAction
  | TryAction
  | { readonly kind: "block"; readonly block: Block }
  | { readonly kind: "raise"; readonly error: Template }
  | { readonly kind: "return"; readonly value: Template };

export interface Assignment {
  readonly variable: string;
  /** Keys and indexes below the variable, outermost first; empty = the variable itself. */
  readonly path: readonly Node[];
  readonly value: Template;
}

export interface CallAction {
  readonly kind: "call";
  readonly target: CallTarget;
  readonly args: Template;
  readonly result: string | undefined;
}

export type CallTarget =
  | { readonly kind: "routine"; readonly name: string }
  | { readonly kind: "function"; readonly name: string }
  | { readonly kind: "blocking"; readonly name: BlockingCall };

export interface SwitchCase {
  readonly condition: Template;
  readonly body: Step;
}

export interface Loop {
  readonly variable: string;
  readonly index: string | undefined;
  readonly items: { readonly kind: "range" | "in"; readonly template: Template };
  readonly block: Block;
}

export interface ParallelAction {
  readonly kind: "parallel";
  readonly shared: ReadonlySet<string>;
  readonly concurrencyLimit: Template | undefined;
  readonly work:
    | { readonly kind: "branches"; readonly branches: readonly Block[] }
    | { readonly kind: "for"; readonly loop: Loop };
}

export interface TryAction {
  readonly kind: "try";
  readonly body: Step;
  readonly retry: RetryPlan | undefined;
  readonly except: { readonly variable: string | undefined; readonly block: Block } | undefined;
}

export interface RetryPlan {
  readonly predicate: CallTarget;
  /** Attempts after the first; absent = no bound. */
  readonly maxRetries: Template | undefined;
  readonly backoff: Backoff | { readonly [part in keyof Backoff]: Template };
}
