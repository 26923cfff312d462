/** Commit statuses, newest first, one file per commit. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { isMissing, writeDurably } from "../artifact-registry/durable-file.ts";

const MAX_PER_COMMIT = 1000;

export const newStatus = v.object({
  state: v.picklist(["error", "failure", "pending", "success"]),
  context: v.optional(v.pipe(v.string(), v.maxLength(255)), "default"),
  description: v.optional(v.nullable(v.pipe(v.string(), v.maxLength(140))), null),
  target_url: v.optional(v.nullable(v.pipe(v.string(), v.maxLength(2048))), null),
});
const status = v.object({ ...newStatus.entries, id: v.number(), created_at: v.string() });

export type NewStatus = v.InferOutput<typeof newStatus>;
export type Status = v.InferOutput<typeof status>;

export class StatusStore {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Calls for one repository must not overlap. */
  async add(repository: string, sha: string, entry: NewStatus, now: number): Promise<Status> {
    const known = await this.list(repository, sha);
    const added = { ...entry, id: known.length + 1, created_at: new Date(now).toISOString() };
    const kept = [added, ...known].slice(0, MAX_PER_COMMIT);
    await writeDurably(this.#path(repository, sha), JSON.stringify(kept));
    return added;
  }

  async list(repository: string, sha: string): Promise<Status[]> {
    try {
      const text = await readFile(this.#path(repository, sha), "utf8");
      return v.parse(v.array(status), JSON.parse(text));
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }

  #path(repository: string, sha: string): string {
    return join(this.#dir, encodeURIComponent(repository), `${sha}.json`);
  }
}
