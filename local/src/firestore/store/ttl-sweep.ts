/** Time to live: documents whose timestamp in a TTL field has passed are deleted in the background. */
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { StoredDocument } from "../document.ts";
import { getField, parseFieldPath, type FieldPath } from "../values/field-path.ts";
import type { TtlField } from "../indexes/index-file.ts";
import { collectionOf } from "../resource-name.ts";
import type { Store } from "./store.ts";
import { parseTimestamp } from "../values/timestamps.ts";
import { typed } from "../values/values.ts";

/** Production deletes "typically within 24 hours" of the expiry and never before; here within a minute. */
const SWEEP_MS = 60_000;
/** Deletions on their way to the disk at a time. */
const AT_ONCE = 100;
/** Every name starts with it. */
const EVERYWHERE = "projects";

export class TtlSweep {
  readonly #store: Store;
  readonly #timers: Timers;
  readonly #log: Logger;
  /** The TTL field of each collection group. */
  readonly #fields: ReadonlyMap<string, FieldPath>;
  #timer: Timer | undefined;
  #sweep: Promise<void> = Promise.resolve();
  #isStopped = false;
  #deleted = 0;

  /** Sweeps at once and then every minute; without TTL fields it does nothing. */
  constructor(store: Store, timers: Timers, log: Logger, fields: readonly TtlField[]) {
    this.#store = store;
    this.#timers = timers;
    this.#log = log;
    this.#fields = new Map(
      fields.map(({ collectionGroup, path }) => [collectionGroup, parseFieldPath(path)]),
    );
    if (fields.length > 0) this.#begin();
  }

  /** Documents deleted since the start of the process. */
  get deleted(): number {
    return this.#deleted;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#sweep;
  }

  #begin(): void {
    this.#sweep = this.#run();
  }

  async #run(): Promise<void> {
    try {
      await this.#deleteExpired();
    } catch (error) {
      this.#log.error("a TTL sweep failed; the next one tries again", { error });
    }
    if (!this.#isStopped) this.#timer = this.#timers.after(SWEEP_MS, () => this.#begin());
  }

  async #deleteExpired(): Promise<void> {
    const nowMicros = BigInt(this.#timers.now()) * 1000n;
    const expired: StoredDocument[] = [];
    for (const document of this.#store.durable.under(EVERYWHERE)) {
      if (this.#hasExpired(document, nowMicros)) expired.push(document);
    }
    while (expired.length > 0 && !this.#isStopped) {
      await Promise.all(expired.splice(0, AT_ONCE).map((document) => this.#delete(document)));
    }
  }

  #hasExpired({ name, fields }: StoredDocument, nowMicros: bigint): boolean {
    const collection = collectionOf(name);
    const path = this.#fields.get(collection.slice(collection.lastIndexOf("/") + 1));
    const value = path && getField(fields, path);
    const expiry = value && typed(value).timestampValue;
    return expiry !== undefined && parseTimestamp(expiry) <= nowMicros;
  }

  /** Like any commit, but past the rules. A document that changed meanwhile is left to the next sweep. */
  async #delete({ name, updateTime }: StoredDocument): Promise<void> {
    const write = { kind: "delete", name, precondition: { updateTime } } as const;
    try {
      await this.#store.commit([write], () => undefined);
      this.#deleted += 1;
    } catch (error) {
      this.#log.info("an expired document was not deleted; the next sweep looks again", {
        name,
        error,
      });
    }
  }
}
