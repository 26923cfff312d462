/** How somebody reads, whatever the client: what they see of a document and of a list. */

export type Sight = "seen" | "missing" | "denied";

export interface ListQuery {
  /** The path of the collection; of a group, its id alone. */
  readonly collection: string;
  readonly where?: readonly Filter[];
  readonly limit?: number;
  /** All collections of this id, wherever they are. */
  readonly isGroup?: boolean;
}
export type Filter = readonly [field: string, operator: "==" | "in", value: unknown];

/** Paths below the database's root, sorted. */
export type Listed = readonly string[] | "denied";

export interface Reader {
  /** One document, in each way the client has; all must agree. */
  get(path: string): Promise<Readonly<Record<string, Sight>>>;
  list(query: ListQuery): Promise<Readonly<Record<string, Listed>>>;
  /** How many documents a list has. */
  count(query: ListQuery): Promise<number | "denied">;
  close(): Promise<void>;
}

/** What several documents at once are: all of them or none. */
export interface BatchReader extends Reader {
  getAll(paths: readonly string[]): Promise<readonly Sight[] | "denied">;
}

/** Of a snapshot of either client. */
export function pathsOf(found: {
  readonly docs: readonly { readonly ref: { readonly path: string } }[];
}): readonly string[] {
  return found.docs.map((document) => document.ref.path).toSorted();
}

/** Answers `denied` for a refusal by the rules and passes everything else on. */
export async function orDenied<T>(read: Promise<T>): Promise<T | "denied"> {
  try {
    return await read;
  } catch (error) {
    if (isDenied(error)) return "denied";
    throw error;
  }
}

/** Listeners of the client for servers tell no code, only words. */
function isDenied(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error ? error.code : undefined;
  return (
    code === 7 || code === "permission-denied" || /insufficient permissions/.test(error.message)
  );
}
