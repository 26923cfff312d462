/**
 * Firestore over REST with a Firebase ID token: the documented way for a program to be bound by security rules
 * (requests with IAM credentials bypass them). Reads and writes of every function go through here.
 */
import { BifrostError, isBifrostError } from "../domain/errors.ts";
import { httpPost, postThrough, type HttpAnswer, type HttpPost } from "./http-post.ts";
import { decodeFields, encodeFields, type RestFields, type RestValue } from "./firestore-values.ts";

export interface RestDocument {
  readonly path: string;
  readonly fields: Readonly<Record<string, unknown>>;
  /** RFC 3339; doubles as the precondition of the next write. */
  readonly updateTime: string;
}

/** One write of a commit. `path` is relative to the database root: `deployments/x`. */
export type RestWrite =
  | {
      readonly set: string;
      readonly fields: object;
      /** Fields set to the commit time by the store. */
      readonly serverTimes?: readonly string[];
      /** Change only `fields` and `serverTimes`; absent = replace the document. */
      readonly merge?: boolean;
      readonly must?: Precondition;
    }
  | { readonly delete: string; readonly must?: Precondition };

export type Precondition = { readonly exists: boolean } | { readonly updateTime: string };

export interface FirestoreRestOptions {
  /** `https://firestore.googleapis.com` in production. */
  readonly baseUrl: string;
  readonly projectId: string;
  readonly token: () => Promise<string>;
  /** In place of kept node:http connections, which cost a fraction of it. */
  readonly fetch?: typeof fetch;
}

interface WireDocument {
  readonly name: string;
  readonly fields?: RestFields;
  readonly updateTime: string;
}

interface WireCommit {
  readonly commitTime: string;
  readonly writeResults?: readonly { readonly updateTime?: string }[];
}

interface Commit {
  readonly commitTime: Date;
  /** Of each write's document, in RFC 3339; null for a delete. */
  readonly updateTimes: readonly (string | null)[];
}

const REQUEST_TIMEOUT_MS = 20_000;

export class FirestoreRest {
  readonly #root: string;
  readonly #url: string;
  readonly #token: () => Promise<string>;
  readonly #send: HttpPost;

  constructor(options: FirestoreRestOptions) {
    this.#root = `projects/${options.projectId}/databases/(default)/documents`;
    this.#url = `${options.baseUrl}/v1/${this.#root}`;
    this.#token = options.token;
    this.#send = options.fetch === undefined ? httpPost() : postThrough(options.fetch);
  }

  async get(path: string): Promise<RestDocument | null> {
    const [found] = await this.getAll([path]);
    return found ?? null;
  }

  /** One entry per path, null for a missing document. */
  async getAll(paths: readonly string[]): Promise<readonly (RestDocument | null)[]> {
    const documents = paths.map((path) => `${this.#root}/${path}`);
    const answer = (await this.#post(":batchGet", { documents })) as readonly {
      found?: WireDocument;
      missing?: string;
    }[];
    const found = new Map<string, RestDocument>();
    for (const { found: wire } of answer)
      if (wire !== undefined) found.set(wire.name, this.#read(wire));
    return documents.map((name) => found.get(name) ?? null);
  }

  /** Runs a StructuredQuery below `parent` ("" = the database root). */
  async query(parent: string, structuredQuery: object): Promise<readonly RestDocument[]> {
    const suffix = parent === "" ? ":runQuery" : `/${parent}:runQuery`;
    const answer = (await this.#post(suffix, { structuredQuery })) as readonly {
      document?: WireDocument;
    }[];
    return answer.flatMap((row) => (row.document === undefined ? [] : [this.#read(row.document)]));
  }

  /** Applies all writes or none. Throws `write-conflict`, `already-exists`, `not-found` or `permission-denied`. */
  async commit(writes: readonly RestWrite[]): Promise<Commit> {
    const answer = (await this.#post(":commit", {
      writes: writes.map((write) => this.#wire(write)),
    })) as WireCommit;
    return {
      commitTime: new Date(answer.commitTime),
      updateTimes: (answer.writeResults ?? []).map(({ updateTime }) => updateTime ?? null),
    };
  }

  #wire(write: RestWrite): object {
    const currentDocument = write.must;
    if ("delete" in write) return { delete: `${this.#root}/${write.delete}`, currentDocument };
    const fieldPaths = Object.keys(write.fields);
    return {
      update: { name: `${this.#root}/${write.set}`, fields: encodeFields(write.fields) },
      ...(write.merge === true ? { updateMask: { fieldPaths } } : {}),
      updateTransforms: (write.serverTimes ?? []).map((fieldPath) => ({
        fieldPath,
        setToServerValue: "REQUEST_TIME",
      })),
      currentDocument,
    };
  }

  #read(wire: WireDocument): RestDocument {
    return {
      path: wire.name.slice(this.#root.length + 1),
      fields: decodeFields(wire.fields ?? {}),
      updateTime: wire.updateTime,
    };
  }

  async #post(suffix: string, body: object): Promise<unknown> {
    let answer: HttpAnswer;
    try {
      answer = await this.#send(`${this.#url}${suffix}`, {
        headers: {
          authorization: `Bearer ${await this.#token()}`,
          "content-type": "application/json",
        },
        body: JSON.stringify(body),
        timeoutMs: REQUEST_TIMEOUT_MS,
      });
    } catch (error) {
      if (error instanceof BifrostError) throw error;
      throw new BifrostError(
        "upstream-unavailable",
        "Firestore did not answer",
        { call: suffix },
        { cause: error },
      );
    }
    const { status, text } = answer;
    if (status < 200 || status > 299) throw refusal(status, text, suffix);
    return JSON.parse(text);
  }
}

/** Google's error statuses in our codes; an unexpected one keeps its words in the facts. */
const CODES = {
  PERMISSION_DENIED: "permission-denied",
  NOT_FOUND: "not-found",
  ALREADY_EXISTS: "already-exists",
  FAILED_PRECONDITION: "write-conflict",
  ABORTED: "write-conflict",
  UNAUTHENTICATED: "unauthenticated",
  RESOURCE_EXHAUSTED: "disk-full",
} as const;

function refusal(status: number, text: string, call: string): BifrostError {
  const error = parseError(text);
  const code = Object.hasOwn(CODES, error.status)
    ? CODES[error.status as keyof typeof CODES]
    : undefined;
  const fallback = status >= 500 ? "upstream-unavailable" : "upstream-refused";
  return new BifrostError(code ?? fallback, `Firestore refused the call: ${error.message}`, {
    call,
    status: error.status,
  });
}

function parseError(text: string): { status: string; message: string } {
  try {
    const parsed = JSON.parse(text) as unknown;
    const first = (Array.isArray(parsed) ? parsed[0] : parsed) as {
      error?: { status?: string; message?: string };
    };
    return {
      status: first.error?.status ?? "UNKNOWN",
      message: first.error?.message ?? "no message",
    };
  } catch {
    return { status: "UNKNOWN", message: text.slice(0, 200) };
  }
}

/** Whether a precondition did not hold. Firestore's words for that depend on whether the document is there. */
export function isOvertaken(error: unknown): boolean {
  return (["write-conflict", "already-exists", "not-found"] as const).some((code) =>
    isBifrostError(error, code),
  );
}

/** Builds an AND of equality filters. */
export function whereEqual(
  filters: Readonly<Record<string, unknown>>,
  encode: (value: unknown) => RestValue,
): object {
  const all = Object.entries(filters).map(([fieldPath, value]) => ({
    fieldFilter: { field: { fieldPath }, op: "EQUAL", value: encode(value) },
  }));
  return all.length === 1 ? (all[0] ?? {}) : { compositeFilter: { op: "AND", filters: all } };
}
