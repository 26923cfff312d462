/** One thing that one writer tries. */
import type { MoveWrites } from "../move-writes.ts";
import type { Way } from "../ways.ts";
import type { WireWrite } from "../writes.ts";

/** A record that the store has acknowledged once its operation passes. */
export interface Promised {
  readonly id: string;
  readonly from: string | null;
  readonly to: string;
  readonly by: string;
  readonly seq: number;
  readonly attempt: number;
}

export interface Operation {
  readonly kind: string;
  /** A service, or a person's uid after `person:`; null: nobody. */
  readonly by: string | null;
  readonly writes: readonly WireWrite[];
  /** Whether the law refuses it in whatever state it finds the documents. */
  readonly isForged: boolean;
  readonly promises: readonly Promised[];
}

export interface SentOperation extends Operation {
  readonly way: Way;
  readonly outcome: string;
}

/** Answers to what the law allows when somebody else was faster. */
export const LOST_RACES: readonly string[] = [
  "PERMISSION_DENIED",
  "FAILED_PRECONDITION",
  "ALREADY_EXISTS",
  "ABORTED",
];

export function promisedBy({ id, from, to, by, seq, attempt }: MoveWrites): Promised {
  return { id, from, to, by, seq, attempt };
}
