/**
 * A snapshot: all documents as one commit left them. Its lines are a head, blocks of documents, and a foot that says
 * how many there are; without its foot it is not whole.
 */
import type { StoredDocument } from "../document.ts";

export interface SnapshotHead {
  readonly snapshot: number;
  readonly commitTime: string;
}

export type SnapshotBlock = readonly StoredDocument[];

export interface SnapshotFoot {
  readonly documents: number;
}
