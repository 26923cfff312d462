/** Packets on their way to one node: those of a few milliseconds, and of the time a POST takes, go together. */
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { TransportCount } from "../transport-count.ts";

const BATCH_MS = 2;
/** So that one POST that hangs does not hold up the next ones. */
const MAX_AT_ONCE = 4;
const MAX_QUEUED = 256;
/** Of one body; a packet is at most a fraction of it. */
export const MAX_BATCH_BYTES = 64 * 1024;

export interface OutboxParts {
  readonly timers: Timers;
  readonly count: TransportCount;
  /** Never rejects. */
  deliver(packets: readonly Uint8Array[]): Promise<void>;
}

export class Outbox {
  readonly #parts: OutboxParts;
  #queued: Uint8Array[] = [];
  #timer: Timer | null = null;
  #atOnce = 0;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
  }

  get isIdle(): boolean {
    return this.#queued.length === 0 && this.#atOnce === 0;
  }

  put(packet: Uint8Array): void {
    if (this.#queued.length >= MAX_QUEUED) {
      this.#queued.shift();
      this.#parts.count.refuse("no-path");
    }
    this.#queued.push(Uint8Array.from(packet));
    this.#flushSoon();
  }

  close(): void {
    this.#timer?.cancel();
    this.#queued = [];
  }

  #flushSoon(): void {
    if (this.#timer !== null || this.#atOnce >= MAX_AT_ONCE) return;
    this.#timer = this.#parts.timers.after(BATCH_MS, () => {
      this.#timer = null;
      void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    const packets = this.#takeBatch();
    if (packets.length === 0) return;
    this.#atOnce++;
    if (this.#queued.length > 0) this.#flushSoon();
    await this.#parts.deliver(packets);
    this.#atOnce--;
    if (this.#queued.length > 0) this.#flushSoon();
  }

  #takeBatch(): readonly Uint8Array[] {
    let bytes = 0;
    const over = this.#queued.findIndex((packet) => (bytes += packet.length + 2) > MAX_BATCH_BYTES);
    return this.#queued.splice(0, over < 0 ? this.#queued.length : over);
  }
}
