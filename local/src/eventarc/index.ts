/** Stand-in for Eventarc: Firestore document triggers delivered as CloudEvents over HTTP, at least once. */
import { messageOf } from "@bifrost/shared/domain/errors";
import type { StandInOptions } from "../stand-in.ts";
import type { RetryPolicy } from "../serving/backoff.ts";
import type { CommitRecord } from "../firestore/document.ts";
import { ReplayGap } from "../firestore/journal/replay.ts";
import type { CommitSource } from "./commit-source.ts";
import { Cursor } from "./cursor.ts";
import { deliver } from "./deliver.ts";
import type { DeliverOptions } from "./deliver.ts";
import { documentEvent, documentPath } from "./document-event.ts";
import type { DocumentEvent, EventOrigin } from "./document-event.ts";
import { compileTrigger, kindOf } from "./match-trigger.ts";
import type { DocumentTrigger } from "./match-trigger.ts";
import { Places } from "./places.ts";
import { Progress } from "./progress.ts";

export interface EventarcOptions extends Omit<StandInOptions, "port">, EventOrigin {
  readonly triggers: readonly DocumentTrigger[];
  readonly source: CommitSource;
  readonly idToken: (serviceAccount: string, audience: string) => Promise<string>;
  /** Default 200 ms doubling to 30 s. */
  readonly retry?: RetryPolicy;
  /** Requests in flight; default 50. */
  readonly concurrency?: number;
  /** Events kept in memory before reading of the commit log pauses; default 10,000. */
  readonly maxPending?: number;
}

/** Eventarc delivers and does not listen, so it has no port. */
export interface RunningEventarc {
  readonly product: "eventarc";
  info(): Readonly<Record<string, unknown>>;
  /** Ends requests in flight; what was not acknowledged is delivered after the next start. */
  stop(): Promise<void>;
}

/** After a failure to read the commit log. */
const READ_AGAIN_MS = 1000;
const DEFAULT_RETRY: RetryPolicy = { minimumMs: 200, maximumMs: 30_000 };

export async function startEventarc(options: EventarcOptions): Promise<RunningEventarc> {
  const feed = new Feed(options);
  await feed.start();
  return {
    product: "eventarc",
    info: () => feed.counts(),
    stop: () => feed.stop(),
  };
}

class Feed {
  readonly #options: EventarcOptions;
  readonly #triggers: readonly {
    readonly trigger: DocumentTrigger;
    readonly matches: ReturnType<typeof compileTrigger>;
  }[];
  readonly #cursor: Cursor;
  #progress: Progress;
  readonly #delivering: DeliverOptions;
  readonly #stopping = new AbortController();
  readonly #pending = new Set<Promise<void>>();
  readonly #maxPending: number;
  /** Commits were passed over because too much was pending; they are read again from the log. */
  #behind = true;
  #reading: Promise<void> | undefined;
  #delivered = 0;
  #expired = 0;
  #unsubscribe: () => void = () => undefined;

  constructor(options: EventarcOptions) {
    this.#options = options;
    this.#triggers = options.triggers.map((trigger) => ({
      trigger,
      matches: compileTrigger(trigger),
    }));
    this.#cursor = new Cursor(options.dataDir);
    this.#progress = new Progress(this.#cursor.value);
    this.#maxPending = options.maxPending ?? 10_000;
    const places = new Places(options.concurrency ?? 50);
    this.#delivering = {
      idToken: options.idToken,
      timers: options.timers,
      log: options.log,
      retry: options.retry ?? DEFAULT_RETRY,
      signal: this.#stopping.signal,
      withPlace: (task) => places.with(task),
    };
  }

  async start(): Promise<void> {
    this.#checkPlace();
    // Kept even after `stop`: what was not acknowledged by then is read at the next start.
    this.#options.source.retain(() => this.#cursor.durable());
    this.#unsubscribe = this.#options.source.onCommit((commit) => this.#onCommit(commit));
    await this.#catchUp();
  }

  /** A log that ends before the cursor is another one, restored or begun anew; starting over only repeats. */
  #checkPlace(): void {
    const { source, log } = this.#options;
    const lastSequence = source.lastSequence();
    if (this.#cursor.value <= lastSequence) return;
    log.error(
      "the commit log is not the one that was delivered from; its events are delivered from its beginning",
      {
        cursor: this.#cursor.value,
        lastSequence,
      },
    );
    this.#cursor.startOver();
    this.#progress = new Progress(0);
  }

  counts(): Readonly<Record<string, unknown>> {
    return {
      triggers: this.#triggers.length,
      pending: this.#pending.size,
      delivered: this.#delivered,
      expired: this.#expired,
      cursor: this.#cursor.value,
      lastSequence: this.#options.source.lastSequence(),
    };
  }

  async stop(): Promise<void> {
    this.#unsubscribe();
    this.#stopping.abort();
    await this.#reading;
    await Promise.all(this.#pending);
    this.#cursor.close();
  }

  #onCommit(commit: CommitRecord): void {
    // While the log is being read, live commits only say that there is more to read.
    if (this.#behind) return void this.#catchUp();
    if (this.#take(commit)) this.#settle();
  }

  /** Reads the log until nothing is left or too much is pending. */
  #catchUp(): Promise<void> {
    this.#reading ??= this.#read().finally(() => (this.#reading = undefined));
    return this.#reading;
  }

  async #read(): Promise<void> {
    const { source } = this.#options;
    while (!this.#stopping.signal.aborted && this.#pending.size < this.#maxPending) {
      this.#behind = source.lastSequence() > this.#progress.seen;
      if (!this.#behind) break;
      const before = this.#progress.seen;
      if (!(await this.#replayed(before))) break;
      // A log that ends before its last sequence holds nothing more for us yet.
      if (this.#progress.seen === before) break;
    }
    this.#settle();
  }

  async #replayed(after: number): Promise<boolean> {
    const { source, log, timers } = this.#options;
    try {
      await source.replay(after, (commit) => void this.#take(commit));
      return true;
    } catch (error) {
      if (error instanceof ReplayGap) {
        log.error("commits are gone before their events were delivered; the rest is delivered", {
          ...error.facts,
        });
        this.#progress.begin(error.oldest, 0);
        return true;
      }
      log.error("commit log cannot be read", { after, error: messageOf(error) });
      timers.after(READ_AGAIN_MS, () => void this.#catchUp());
      return false;
    }
  }

  /** False when the commit is left for later or was seen before. */
  #take(commit: CommitRecord): boolean {
    if (this.#stopping.signal.aborted || commit.sequence <= this.#progress.seen) return false;
    // Once one commit is passed over all later ones are, until the log is read again.
    if (this.#pending.size >= this.#maxPending) return !(this.#behind = true);
    const events = this.#eventsOf(commit);
    this.#progress.begin(commit.sequence, events.length);
    for (const event of events) {
      const done = this.#deliver(event).finally(() => {
        this.#pending.delete(done);
        if (this.#behind && this.#pending.size < this.#maxPending / 2) void this.#catchUp();
      });
      this.#pending.add(done);
    }
    return true;
  }

  async #deliver(event: DocumentEvent): Promise<void> {
    const outcome = await deliver(event, this.#delivering);
    if (outcome === "stopped") return;
    if (outcome === "expired") this.#expired += 1;
    else this.#delivered += 1;
    this.#progress.finish(event.sequence);
    this.#settle();
  }

  #settle(): void {
    this.#cursor.advance(this.#progress.settled);
  }

  #eventsOf(commit: CommitRecord): DocumentEvent[] {
    return commit.changes.flatMap((change, index) => {
      const kind = kindOf(change);
      const path = documentPath(change.name);
      if (kind === undefined || path === undefined) return [];
      return this.#triggers
        .filter(({ matches }) => matches(path, kind))
        .map(({ trigger }) => documentEvent(this.#options, trigger, commit, index, change));
    });
  }
}
