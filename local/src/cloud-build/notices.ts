/** Publishes each status change of each build in order, at least once; what is left over goes out at the next start. */
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { BuildRecord, BuildStatus } from "./build-record.ts";
import type { BuildStore } from "./build-store.ts";
import { jsonBuild } from "./build-view.ts";

const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 10_000;

export type PublishNotice = (
  topic: string,
  build: unknown,
  attributes: { readonly buildId: string; readonly status: BuildStatus },
) => Promise<void>;

export class Notices {
  readonly #store: BuildStore;
  readonly #publish: PublishNotice;
  readonly #timers: Timers;
  readonly #log: Logger;
  readonly #running = new Map<string, Promise<void>>();
  readonly #stopped = new AbortController();

  constructor(store: BuildStore, publish: PublishNotice, timers: Timers, log: Logger) {
    this.#store = store;
    this.#publish = publish;
    this.#timers = timers;
    this.#log = log;
  }

  /** Saves the record together with the notice of its present status, then publishes in the background. */
  async record(build: BuildRecord): Promise<void> {
    build.unpublished.push({ status: build.status, build: jsonBuild(build) });
    await this.#store.save(build);
    this.drain(build);
  }

  drain(build: BuildRecord): void {
    if (this.#running.has(build.id) || build.unpublished.length === 0) return;
    const draining = this.#drain(build).finally(() => this.#running.delete(build.id));
    this.#running.set(build.id, draining);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#running.values());
  }

  async #drain(build: BuildRecord): Promise<void> {
    let delayMs = FIRST_RETRY_MS;
    while (!this.#stopped.signal.aborted) {
      const [next] = build.unpublished;
      if (next === undefined) return;
      try {
        const attributes = { buildId: build.id, status: next.status };
        await this.#publish(build.topic, next.build, attributes);
        build.unpublished.shift();
        await this.#store.save(build);
        delayMs = FIRST_RETRY_MS;
      } catch (error) {
        this.#log.warn("build notice was not taken", {
          buildId: build.id,
          error: messageOf(error),
        });
        await this.#timers.sleep(delayMs, this.#stopped.signal);
        delayMs = Math.min(delayMs * 2, LAST_RETRY_MS);
      }
    }
  }
}
