/** Names: `projects/P/databases/D/documents/collection/id/…`; their checks and their order. */
import { invalid, RpcError } from "./rpc-error.ts";
import { compareUtf8 } from "./values/utf8-order.ts";

const DATABASE_SEGMENTS = 4;
/** Segments before the first collection: projects, P, databases, D, documents. */
export const ROOT_SEGMENTS = 5;
/** https://firebase.google.com/docs/firestore/quotas: ids 1,500 bytes, names 6 KiB, 100 levels. */
const MAX_ID_BYTES = 1500;
const MAX_NAME_BYTES = 6 * 1024;
const MAX_DEPTH = 100;

/** The one database a server serves. */
export class DatabaseName {
  readonly projectId: string;
  readonly database: string;
  readonly root: string;

  constructor(projectId: string, databaseId = "(default)") {
    this.projectId = projectId;
    this.database = `projects/${projectId}/databases/${databaseId}`;
    this.root = `${this.database}/documents`;
  }

  checkDatabase(database: string | undefined): void {
    if (database !== undefined && database !== "" && database !== this.database) {
      throw new RpcError(
        "NOT_FOUND",
        `The database ${database.slice(0, 200)} does not exist; this server holds ${this.database}.`,
      );
    }
  }

  /** A full document name: an even number of segments after the root. */
  checkDocument(name: string): string {
    const depth = this.checkPath(name);
    if (depth === 0 || depth % 2 !== 0) {
      throw invalid(`Document name "${clip(name)}" lacks a collection or a document id.`);
    }
    return name;
  }

  /** A parent of collections: the root or a document. */
  checkParent(parent: string): string {
    const depth = this.checkPath(parent);
    if (depth % 2 !== 0)
      throw invalid(`Parent "${clip(parent)}" is neither a document nor the root.`);
    return parent;
  }

  /** Full name of `deployments/x`, or the name itself when it is full already. */
  full(path: string): string {
    return path.startsWith(`${this.root}/`) ? path : `${this.root}/${path}`;
  }

  private checkPath(name: string): number {
    if (name !== this.root && !name.startsWith(`${this.root}/`)) {
      const database = name.split("/").slice(0, DATABASE_SEGMENTS).join("/");
      throw invalid(`"${clip(name)}" is not under ${this.root}; database "${clip(database)}".`);
    }
    if (Buffer.byteLength(name) > MAX_NAME_BYTES) {
      throw invalid(`The name "${clip(name)}" is longer than ${MAX_NAME_BYTES} bytes.`);
    }
    const segments = name.slice(this.root.length + 1).split("/");
    if (name === this.root) return 0;
    if (segments.length > MAX_DEPTH * 2) throw invalid(`"${clip(name)}" is nested too deeply.`);
    for (const segment of segments) checkId(segment);
    return segments.length;
  }
}

const NUMERIC_ID = /^__id(-?\d{1,19})__$/;

/** One collection or document id; throws INVALID_ARGUMENT. */
export function checkId(id: string): string {
  if (id === "" || id === "." || id === ".." || id.includes("/")) {
    throw invalid(`"${clip(id)}" is not a valid id: it may not be empty, ".", ".." or hold "/".`);
  }
  if (/^__.*__$/s.test(id) && !NUMERIC_ID.test(id)) {
    throw invalid(`Resource id "${clip(id)}" is invalid because it is reserved.`);
  }
  if (Buffer.byteLength(id) > MAX_ID_BYTES) {
    throw invalid(`The id "${clip(id)}" is longer than ${MAX_ID_BYTES} bytes.`);
  }
  return id;
}

/** Names sort segment by segment; ids `__id<n>__` by number and before all others. */
export function compareNames(a: string, b: string): number {
  if (a === b) return 0;
  const x = a.split("/");
  const y = b.split("/");
  for (const [index, left] of x.entries()) {
    const right = y[index];
    if (right === undefined) return 1;
    const order = compareIds(left, right);
    if (order !== 0) return order;
  }
  return x.length - y.length;
}

function compareIds(a: string, b: string): number {
  if (!a.startsWith("__id") && !b.startsWith("__id")) return compareUtf8(a, b);
  const x = NUMERIC_ID.exec(a)?.[1];
  const y = NUMERIC_ID.exec(b)?.[1];
  if (x === undefined && y === undefined) return compareUtf8(a, b);
  if (x === undefined) return 1;
  if (y === undefined) return -1;
  const difference = BigInt(x) - BigInt(y);
  return difference < 0n ? -1 : Number(difference > 0n);
}

/** `…/documents/deployments/x` → `…/documents/deployments`. */
export function collectionOf(name: string): string {
  return name.slice(0, name.lastIndexOf("/"));
}

export function topLevelCollection(name: string): string {
  return name.split("/", ROOT_SEGMENTS + 1)[ROOT_SEGMENTS] ?? "";
}

function clip(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
