/** `Precondition`: what must hold of the document before a write. */
import type { StoredDocument } from "../document.ts";
import { invalid, RpcError, type StatusName } from "../rpc-error.ts";
import { formatTimestamp, parseTimestamp } from "../values/timestamps.ts";
import { booleanAt, optionalObject, stringAt } from "../wire-json.ts";

export interface Precondition {
  readonly exists?: boolean;
  readonly updateTime?: string;
}

export function parsePrecondition(raw: unknown): Precondition {
  const { exists, updateTime } = optionalObject(raw, "currentDocument") ?? {};
  if (exists !== undefined && updateTime !== undefined) {
    throw invalid("'currentDocument' has either exists or updateTime.");
  }
  if (exists !== undefined) return { exists: booleanAt(exists, "currentDocument.exists") };
  if (updateTime === undefined || updateTime === null) return {};
  const micros = parseTimestamp(stringAt(updateTime, "currentDocument.updateTime"));
  return { updateTime: formatTimestamp(micros) };
}

/** NOT_FOUND, ALREADY_EXISTS or FAILED_PRECONDITION: each tells something about the document. */
export class PreconditionError extends RpcError {
  override readonly name = "PreconditionError";
  readonly document: string;

  constructor(status: StatusName, message: string, document: string) {
    super(status, message);
    this.document = document;
  }
}

/** Throws PreconditionError. */
export function checkPrecondition(
  { exists, updateTime }: Precondition,
  name: string,
  current: StoredDocument | null,
): void {
  if (exists === true && current === null) {
    throw new PreconditionError("NOT_FOUND", `No document to update: ${name}`, name);
  }
  if (exists === false && current !== null) {
    throw new PreconditionError("ALREADY_EXISTS", `Document already exists: ${name}`, name);
  }
  if (updateTime === undefined || current?.updateTime === updateTime) return;
  const stored = current === null ? "is missing" : `is of ${current.updateTime}`;
  throw new PreconditionError(
    "FAILED_PRECONDITION",
    `The stored version (${name}) does not match the required base version: it ${stored}, not of ${updateTime}.`,
    name,
  );
}
