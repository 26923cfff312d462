/** Time to live: documents whose timestamp in a TTL field has passed are deleted in the background. */
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { StoredDocument } from "../document.ts";
import { getField, parseFieldPath, type FieldPath } from "../values/field-path.ts";
import type { TtlField } from "../indexes/index-file.ts";
import type { Store } from "./store.ts";
import { parseTimestamp } from "../values/timestamps.ts";
import { typed } from "../values/values.ts";

/** Production deletes "typically within 24 hours" of the expiry and never before; here within a minute. */
const SWEEP_MS = 60_000;
/** Deletions on their way to the disk at a time. */
const AT_ONCE = 100;

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
    const expired = this.#expired();
    const failures: unknown[] = [];
    while (expired.length > 0 && !this.#isStopped) {
      const batch = expired.splice(0, AT_ONCE).map((document) => this.#delete(document));
      for (const outcome of await Promise.allSettled(batch)) {
        if (outcome.status === "rejected") failures.push(outcome.reason);
        else this.#deleted += 1;
      }
    }
    if (failures.length === 0) return;
    this.#log.info("expired documents were not deleted; the next sweep looks again", {
      count: failures.length,
      firstError: failures[0],
    });
  }

  #expired(): StoredDocument[] {
    const nowMicros = BigInt(Math.trunc(this.#timers.now())) * 1000n;
    return [...this.#fields].flatMap(([collectionGroup, path]) =>
      [...this.#store.durable.group(collectionGroup)].filter((document) =>
        hasExpired(document, path, nowMicros),
      ),
    );
  }

  /** Like any commit, but past the rules. A document that changed meanwhile is left to the next sweep. */
  async #delete({ name, updateTime }: StoredDocument): Promise<void> {
    const write = { kind: "delete", name, precondition: { updateTime } } as const;
    await this.#store.commit([write], () => undefined);
  }
}

function hasExpired({ fields }: StoredDocument, path: FieldPath, nowMicros: bigint): boolean {
  const value = getField(fields, path);
  const expiry = value && typed(value).timestampValue;
  return expiry !== undefined && parseTimestamp(expiry) <= nowMicros;
}
