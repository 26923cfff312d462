/** Documents in memory and commits judged by rules, for tests: the store's part of the contract without a server. */
import type { FieldValue, StoredDocument } from "../document.ts";
import { Query } from "../query/query.ts";
import type { CompiledRules } from "./compile.ts";
import type { RulesRequest } from "./rules.ts";

const ROOT = "projects/bifrost-local/databases/(default)/documents";

/** Stands for the commit time in the fields of a write. */
export const NOW = Symbol("request.time");

export type Fields = Readonly<Record<string, unknown>>;

/** `set` replaces the document, `merge` changes the named fields, `delete` removes it. */
export type WorldWrite =
  | { readonly set: string; readonly fields: Fields }
  | { readonly merge: string; readonly fields: Fields }
  | { readonly delete: string };

export interface CommitVerdict {
  readonly allowed: boolean;
  readonly reasons: readonly string[];
  /** Expressions evaluated for each write. */
  readonly evaluations: readonly number[];
  /** Documents the rules read. */
  readonly accesses: number;
}

export type Auth = RulesRequest["auth"];

export const service = (name: string): Auth => ({ uid: `svc:${name}`, token: { svc: name } });
export const person = (uid: string): Auth => ({ uid, token: {} });

export class RulesWorld {
  readonly #rules: CompiledRules;
  readonly #documents = new Map<string, StoredDocument>();
  /** Time of the next commit. */
  timeMicros = 1_767_225_600_000_000n;

  constructor(rules: CompiledRules) {
    this.#rules = rules;
  }

  /** Stores a document without asking the rules. */
  put(path: string, fields: Fields): void {
    this.#documents.set(nameOf(path), document(path, fields, this.timeMicros));
  }

  remove(path: string): void {
    this.#documents.delete(nameOf(path));
  }

  has(path: string): boolean {
    return this.#documents.has(nameOf(path));
  }

  /** Judges a commit of all the writes together; stores it only when `apply` is true and all are allowed. */
  commit(auth: Auth, writes: readonly WorldWrite[], apply = false): CommitVerdict {
    const after = new Map(this.#documents);
    const changes = writes.map((write) => this.#applied(write, after));
    const accessed = new Set<string>();
    const verdicts = changes.map(({ path, next }) => {
      const before = this.#documents.get(nameOf(path)) ?? null;
      const method = next === null ? "delete" : before === null ? "create" : "update";
      return this.#check(method, path, auth, { before, after: next, accessed }, after);
    });
    const allowed = verdicts.every((verdict) => verdict.allowed);
    if (allowed && apply) {
      this.#documents.clear();
      for (const [name, value] of after) this.#documents.set(name, value);
    }
    return {
      allowed,
      reasons: verdicts.map((verdict) => verdict.reason),
      evaluations: verdicts.map((verdict) => verdict.evaluations),
      accesses: accessed.size,
    };
  }

  get(auth: Auth, path: string): boolean {
    const before = this.#documents.get(nameOf(path)) ?? null;
    return this.#check("get", path, auth, { before, after: null }, this.#documents).allowed;
  }

  /** `collection` without the id; `where` are equality filters. */
  list(auth: Auth, collection: string, where: Fields = {}): boolean {
    const filters = Object.entries(where).map(([fieldPath, value]) => ({
      fieldFilter: { field: { fieldPath }, op: "EQUAL", value: encode(value, this.timeMicros) },
    }));
    const parent = collection.split("/").slice(0, -1).join("/");
    const query = new Query(nameOf(parent), {
      from: [{ collectionId: collection.split("/").at(-1) }],
      ...(filters.length > 0 && { where: { compositeFilter: { op: "AND", filters } } }),
    });
    const rest = { before: null, after: null, query };
    return this.#check("list", parent, auth, rest, this.#documents).allowed;
  }

  #applied(write: WorldWrite, after: Map<string, StoredDocument>) {
    if ("delete" in write) {
      after.delete(nameOf(write.delete));
      return { path: write.delete, next: null };
    }
    const path = "set" in write ? write.set : write.merge;
    const changed = document(path, write.fields, this.timeMicros);
    const kept = "merge" in write ? (after.get(nameOf(path))?.fields ?? {}) : {};
    const next = { ...changed, fields: { ...kept, ...changed.fields } };
    after.set(nameOf(path), next);
    return { path, next };
  }

  #check(
    method: RulesRequest["method"],
    path: string,
    auth: Auth,
    rest: Pick<RulesRequest, "before" | "after" | "accessed" | "query">,
    after: ReadonlyMap<string, StoredDocument>,
  ) {
    return this.#rules.check({
      method,
      name: nameOf(path),
      auth,
      timeMicros: this.timeMicros,
      read: (name) => this.#documents.get(name) ?? null,
      readAfter: (name) => after.get(name) ?? null,
      ...rest,
    });
  }
}

/** An empty path is the root. */
function nameOf(path: string): string {
  return path === "" ? ROOT : `${ROOT}/${path}`;
}

function document(path: string, fields: Fields, timeMicros: bigint): StoredDocument {
  const time = rfc3339(timeMicros);
  return {
    name: nameOf(path),
    fields: encodeFields(fields, timeMicros),
    createTime: time,
    updateTime: time,
  };
}

function encodeFields(fields: Fields, timeMicros: bigint): Record<string, FieldValue> {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [key, encode(value, timeMicros)]),
  );
}

/** Whole numbers become ints, dates timestamps. */
export function encode(value: unknown, timeMicros = 0n): FieldValue {
  if (value === null) return { nullValue: null };
  if (value === NOW) return { timestampValue: rfc3339(timeMicros) };
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { booleanValue: value };
  if (typeof value === "bigint") return { integerValue: String(value) };
  if (typeof value === "number") return encodeNumber(value);
  if (value instanceof Date) return { timestampValue: value.toISOString() };
  if (Array.isArray(value)) {
    return { arrayValue: { values: value.map((item: unknown) => encode(item, timeMicros)) } };
  }
  if (typeof value === "object")
    return { mapValue: { fields: encodeFields({ ...value }, timeMicros) } };
  throw new Error(`no field value for ${typeof value}`);
}

function encodeNumber(value: number): FieldValue {
  return Number.isInteger(value) ? { integerValue: String(value) } : { doubleValue: value };
}

function rfc3339(micros: bigint): string {
  const seconds = new Date(Number(micros / 1000n)).toISOString().slice(0, 19);
  return `${seconds}.${String(micros % 1_000_000n).padStart(6, "0")}Z`;
}
