/** Signed webhooks, on disk until the receiver took them: at least once, in order per outbox, with backoff. */
import { createHmac } from "node:crypto";
import { mkdir, readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import * as v from "valibot";
import { writeDurably } from "../artifact-registry/durable-file.ts";

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 30_000;
const TIMEOUT_MS = 10_000;

const delivery = v.object({ id: v.string(), event: v.string(), body: v.string() });
export type Delivery = v.InferOutput<typeof delivery>;

export interface WebhookTarget {
  readonly url: string;
  readonly secret: string;
}

/** The receiver's answer, or why there is none yet. */
export type DeliveryResult =
  | { readonly ok: true; readonly answer: unknown }
  | { readonly ok: false; readonly why: string };

export class WebhookOutbox {
  readonly #dir: string;
  readonly #target: WebhookTarget;
  readonly #timers: Timers;
  readonly #log: Logger;
  readonly #stopped = new AbortController();
  #retry: Timer | undefined;
  #delayMs = FIRST_RETRY_MS;
  #order = 0;
  delivered = 0;
  failed = 0;

  constructor(dir: string, target: WebhookTarget, timers: Timers, log: Logger) {
    this.#dir = dir;
    this.#target = target;
    this.#timers = timers;
    this.#log = log;
  }

  /** Sends what an earlier process left behind. */
  async start(): Promise<void> {
    await mkdir(this.#dir, { recursive: true });
    if ((await this.waiting()).length > 0) this.#schedule();
  }

  /** File names of undelivered webhooks, oldest first. */
  async waiting(): Promise<string[]> {
    return (await readdir(this.#dir)).filter((name) => name.endsWith(".json")).toSorted();
  }

  /** Makes the delivery durable and returns the name it is kept under. */
  async keep(entry: Delivery): Promise<string> {
    const at = String(this.#timers.now()).padStart(15, "0");
    const name = `${at}-${String(this.#order++).padStart(9, "0")}-${entry.id}.json`;
    await writeDurably(join(this.#dir, name), JSON.stringify(entry));
    return name;
  }

  /** Sends one kept delivery; a failure is retried in the background until it succeeds. */
  async send(name: string): Promise<DeliveryResult> {
    const path = join(this.#dir, name);
    const entry = v.parse(delivery, JSON.parse(await readFile(path, "utf8")));
    const result = await this.#post(entry);
    if (result.ok) {
      await rm(path, { force: true });
      this.delivered += 1;
      return result;
    }
    this.failed += 1;
    this.#log.warn("webhook was not taken", { delivery: entry.id, why: result.why });
    this.#schedule();
    return result;
  }

  stop(): void {
    this.#stopped.abort();
    this.#retry?.cancel();
  }

  #schedule(): void {
    if (this.#retry !== undefined || this.#stopped.signal.aborted) return;
    const again = () => {
      this.#retry = undefined;
      this.#sendWaiting().catch((error: unknown) => {
        this.#log.error("webhook outbox failed", { error: messageOf(error) });
        this.#schedule();
      });
    };
    this.#retry = this.#timers.after(this.#delayMs, again);
    this.#delayMs = Math.min(this.#delayMs * 2, LAST_RETRY_MS);
  }

  async #sendWaiting(): Promise<void> {
    for (const name of await this.waiting()) {
      if (this.#stopped.signal.aborted || !(await this.send(name)).ok) return;
    }
    this.#delayMs = FIRST_RETRY_MS;
  }

  async #post(entry: Delivery): Promise<DeliveryResult> {
    const body = Buffer.from(entry.body);
    const signature = createHmac("sha256", this.#target.secret).update(body).digest("hex");
    try {
      const response = await fetch(this.#target.url, {
        method: "POST",
        body: new Uint8Array(body),
        headers: {
          "content-type": "application/json",
          "user-agent": "GitHub-Hookshot/bifrost",
          "x-github-event": entry.event,
          "x-github-delivery": entry.id,
          "x-hub-signature-256": `sha256=${signature}`,
        },
        signal: AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      const text = await response.text();
      if (response.ok) return { ok: true, answer: parseAnswer(text) };
      return { ok: false, why: `the receiver answered ${response.status}` };
    } catch (error) {
      return { ok: false, why: `the receiver did not answer (${messageOf(error)})` };
    }
  }
}

function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
