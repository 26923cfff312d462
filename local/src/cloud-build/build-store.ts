/** Build records in memory, each change on disk before it is seen; one file per build. */
import { mkdir, readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Logger } from "@bifrost/shared/ports/logger";
import { writeDurably } from "../artifact-registry/durable-file.ts";
import type { BuildRecord } from "./build-record.ts";

export class BuildStore {
  readonly #dir: string;
  readonly #builds = new Map<string, BuildRecord>();
  readonly #writing = new Map<string, Promise<void>>();

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** A file that cannot be read is reported and left alone. */
  static async open(dir: string, log: Logger): Promise<BuildStore> {
    const store = new BuildStore(dir);
    await mkdir(dir, { recursive: true });
    for (const name of await readdir(dir)) {
      if (!name.endsWith(".json")) continue;
      try {
        const text = await readFile(join(dir, name), "utf8");
        // Records of before images could be pushed lack both lists.
        const build = { images: [], pushed: [], ...JSON.parse(text) } as BuildRecord;
        store.#builds.set(build.id, build);
      } catch (error) {
        log.error("build record cannot be read", { file: name, error: messageOf(error) });
      }
    }
    return store;
  }

  get(id: string): BuildRecord | undefined {
    return this.#builds.get(id);
  }

  /** Newest first. */
  list(): BuildRecord[] {
    return [...this.#builds.values()].toSorted((a, b) => b.createdAt - a.createdAt);
  }

  /** Makes the record's present content durable; overlapping calls for one build keep their order. */
  async save(build: BuildRecord): Promise<void> {
    const text = JSON.stringify(build);
    const before = this.#writing.get(build.id) ?? Promise.resolve();
    const mine = before.then(() => writeDurably(join(this.#dir, `${build.id}.json`), text));
    const settled = mine.catch(() => {});
    this.#writing.set(build.id, settled);
    await mine;
    if (this.#writing.get(build.id) === settled) this.#writing.delete(build.id);
    this.#builds.set(build.id, build);
  }
}
