/** What a running workflow raises: a value, which `except` binds and `error.payload` carries. */
import type { Value } from "./value.ts";
import { isList, isMap, toJsonText } from "./value.ts";

export type ErrorTag =
  | "AuthError"
  | "ConnectionError"
  | "ConnectionFailedError"
  | "HttpError"
  | "IndexError"
  | "KeyError"
  | "RecursionError"
  | "ResourceLimitError"
  | "ResponseTypeError"
  | "SystemError"
  | "TimeoutError"
  | "TypeError"
  | "UnhandledBranchError"
  | "ValueError"
  | "ZeroDivisionError";

/** Where an error left a routine, innermost first. */
export interface StackFrame {
  readonly step: string;
  readonly routine: string;
  readonly line: number;
}

/** An error a workflow can catch. `value` is whatever was raised: a map with `tags`, or anything a step raised. */
export class WorkflowError extends Error {
  override readonly name = "WorkflowError";
  readonly value: Value;
  readonly stackTrace: StackFrame[] = [];

  constructor(value: Value) {
    super(describe(value));
    this.value = value;
  }
}

/** The end of an execution that was cancelled: no `except` sees it. */
export class ExecutionCancelled extends Error {
  override readonly name = "ExecutionCancelled";
  constructor() {
    super("the execution was cancelled");
  }
}

/** An error as the runtime raises it: `{tags, message, ...extra}`. */
export function raised(
  tag: ErrorTag | readonly ErrorTag[],
  message: string,
  extra: { readonly [key: string]: Value } = {},
): WorkflowError {
  const tags = typeof tag === "string" ? [tag] : [...tag];
  return new WorkflowError({ tags, message, ...extra });
}

export function hasTag(error: Value, tag: ErrorTag): boolean {
  if (!isMap(error)) return false;
  const tags = error["tags"];
  return tags !== undefined && isList(tags) && tags.includes(tag);
}

/** Message of anything thrown. */
export function messageText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function describe(value: Value): string {
  if (typeof value === "string") return value;
  const message = isMap(value) ? value["message"] : undefined;
  return typeof message === "string" ? message : toJsonText(value);
}
