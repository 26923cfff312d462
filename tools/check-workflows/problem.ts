/** What the workflow checker can find, and the table it checks against. */

export type ProblemCode =
  | "not-yaml"
  | "edge-unclaimed"
  | "edge-unknown"
  | "wrong-owner"
  | "unknown-state"
  | "unknown-function"
  | "no-move"
  | "needless-move"
  | "no-retry"
  | "no-identity"
  | "missing-field"
  | "unreadable-url"
  | "unreachable-state"
  | "unreachable-step"
  | "unused-subworkflow";

export interface Problem {
  readonly code: ProblemCode;
  /** File name; empty for what no single file is to blame for. */
  readonly file: string;
  /** Step by its path of names, for example `main.walk.validate`; may be empty. */
  readonly step: string;
  readonly message: string;
}

/** The part of the lifecycle that workflow files are held against. */
export interface LifecycleTable {
  readonly states: readonly string[];
  readonly moves: readonly { readonly from: string; readonly to: string; readonly owner: string }[];
  /** State a deployment is created in. */
  readonly initial: string;
  /** Names of all functions that make moves. */
  readonly functions: readonly string[];
  /** Names of functions that create a deployment; called for one, they move none. */
  readonly creators: readonly string[];
}

export interface SourceFile {
  readonly name: string;
  readonly text: string;
}
