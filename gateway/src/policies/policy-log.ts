/** What scripts log, written to the store in batches: readable from anywhere, bounded everywhere. */
import { messageOf } from "@bifrost/shared/domain/errors";
import { STANDARD_PREFIX } from "@bifrost/shared/domain/policy";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { PolicyLogLine as StoredLine, PolicyStore } from "@bifrost/shared/ports/policy-store";
import { TokenBucket } from "../telemetry/token-bucket.ts";
import type { PolicyLogLine } from "../workers/policy-runtime.ts";

export interface PolicyLogOptions {
  readonly store: Pick<PolicyStore, "addLog">;
  readonly timers: Timers;
  readonly log: Logger;
  /** Tells the batches of this gateway from those of others. */
  readonly nodeId: string;
}

const FLUSH_EVERY_MS = 1000;
const KEPT_MS = 7 * 24 * 60 * 60 * 1000;
/** Of one policy on one gateway. */
const LINES_PER_SECOND = 20;
const BURST = 200;
/** Waiting to be written, of one policy; the oldest go first. */
const MAX_WAITING = 500;
const MAX_LINE = 2000;
/** Text of one batch; up to three times as many bytes, where a document may have a megabyte. */
const MAX_BATCH = 200_000;

interface PolicyOutput {
  readonly bucket: TokenBucket;
  waiting: StoredLine[];
  dropped: number;
}

export class PolicyLog {
  private readonly options: PolicyLogOptions;
  private readonly outputs = new Map<string, PolicyOutput>();
  private batches = 0;
  private timer: Timer | null = null;
  private flushing: Promise<void> = Promise.resolve();
  private isStopped = false;

  constructor(options: PolicyLogOptions) {
    this.options = options;
  }

  add({ script, version, text }: PolicyLogLine): void {
    // Shipped with the gateway: there is no document to keep it below.
    if (script.startsWith(STANDARD_PREFIX)) {
      this.options.log.info("policy says", { script, version, text });
      return;
    }
    const now = this.options.timers.now();
    const output = this.outputOf(script, now);
    if (output.bucket.take(1, now) > 0) {
      output.dropped++;
      return;
    }
    output.waiting.push({ at: new Date(now), version, text: text.slice(0, MAX_LINE) });
    this.bound(output);
    if (!this.isStopped)
      this.timer ??= this.options.timers.after(FLUSH_EVERY_MS, () => this.flush());
  }

  /** Writes what is there. */
  async stop(): Promise<void> {
    this.isStopped = true;
    this.timer?.cancel();
    this.flush();
    await this.flushing;
  }

  private outputOf(script: string, now: number): PolicyOutput {
    let output = this.outputs.get(script);
    if (output === undefined) {
      output = { bucket: new TokenBucket(LINES_PER_SECOND, BURST, now), waiting: [], dropped: 0 };
      this.outputs.set(script, output);
    }
    return output;
  }

  private bound(output: PolicyOutput): void {
    const excess = output.waiting.length - MAX_WAITING;
    if (excess <= 0) return;
    output.waiting.splice(0, excess);
    output.dropped += excess;
  }

  private flush(): void {
    this.timer = null;
    this.flushing = this.flushing.then(() => this.write());
  }

  private async write(): Promise<void> {
    let isLeft = false;
    for (const [script, output] of this.outputs) {
      if (output.waiting.length === 0) this.forgetQuiet(script, output);
      else if (!(await this.writeAll(script, output))) isLeft = true;
    }
    if (isLeft && !this.isStopped)
      this.timer ??= this.options.timers.after(FLUSH_EVERY_MS, () => this.flush());
  }

  private forgetQuiet(script: string, { bucket, dropped }: PolicyOutput): void {
    if (dropped === 0 && bucket.isFull(this.options.timers.now())) this.outputs.delete(script);
  }

  private async writeAll(script: string, output: PolicyOutput): Promise<boolean> {
    while (output.waiting.length > 0) if (!(await this.writeOne(script, output))) return false;
    return true;
  }

  private async writeOne(script: string, output: PolicyOutput): Promise<boolean> {
    const { store, timers, log, nodeId } = this.options;
    const { dropped } = output;
    const batch = output.waiting.splice(0, batchLength(output.waiting));
    const last = batch.at(-1);
    if (last === undefined) return true;
    const now = timers.now();
    const text = `(${dropped} more lines were not kept)`;
    const lines = dropped === 0 ? batch : [...batch, { ...last, text }];
    // Names sort by time; a number tells apart what one gateway writes within a millisecond.
    const id = [String(now).padStart(14, "0"), nodeId, String(this.batches++).padStart(6, "0")];
    output.dropped = 0;
    try {
      await store.addLog(script, { id: id.join("-"), lines }, new Date(now + KEPT_MS));
      return true;
    } catch (error) {
      log.warn("a policy's log is not stored", { script, error: messageOf(error) });
      output.waiting = [...batch, ...output.waiting];
      output.dropped += dropped;
      this.bound(output);
      return false;
    }
  }
}

/** How many of the lines fit into one document; at least one. */
function batchLength(lines: readonly StoredLine[]): number {
  let room = MAX_BATCH;
  const end = lines.findIndex(({ text }) => (room -= text.length) < 0);
  return end < 0 ? lines.length : Math.max(1, end);
}
