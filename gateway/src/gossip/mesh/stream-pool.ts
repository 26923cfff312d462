/** The streams this node has opened: one for each linked address, kept up, and those that a request or packet needed. */
import type { Timer } from "@bifrost/shared/domain/time";
import type { Address } from "../member.ts";
import type { TransportHandlers } from "../transport.ts";
import { dial, type Dialled } from "./dial.ts";
import type { OutgoingStream, StreamOptions } from "./outgoing-stream.ts";

/** Of a stream that no link keeps. */
const IDLE_MS = 30_000;
/** A linked stream has this long to be opened. */
const LINK_TIMEOUT_MS = 2_000;
/** The confirming call after a link ended must be quick to be of use. */
const CONFIRM_TIMEOUT_MS = 350;
/**
 * Not inside the end of the old one: the process that dies may not have closed its listener yet, and would accept. With
 * this pause every confirming call that was measured after a SIGKILL was refused.
 */
const CONFIRM_PAUSE_MS = 5;
const RETRY_MS = [250, 500, 1_000, 2_000, 4_000, 8_000];

const LATE: Dialled = { evidence: "unreachable", end: "silent" };

export type LinkHandlers = Pick<TransportHandlers, "onRefused" | "onDoubt">;

export class StreamPool {
  readonly #options: StreamOptions;
  readonly #handlers: LinkHandlers;
  readonly #streams = new Map<Address, OutgoingStream>();
  readonly #dialling = new Map<Address, Promise<Dialled>>();
  readonly #links = new Map<Address, Link>();
  readonly #sweep: { timer: Timer | null } = { timer: null };
  #isClosed = false;

  constructor(options: StreamOptions, handlers: LinkHandlers) {
    this.#options = options;
    this.#handlers = handlers;
  }

  /** One that is ready now, without waiting. */
  ready(address: Address): OutgoingStream | null {
    return this.#streams.get(address) ?? null;
  }

  /** One that is ready within `timeoutMs`, or why there is none. */
  async get(address: Address, timeoutMs: number): Promise<Dialled> {
    const stream = this.#streams.get(address);
    if (stream !== undefined) return { stream };
    const dialling = this.#dialling.get(address);
    if (dialling === undefined) return this.#dialShared(address, timeoutMs);
    // Begun by somebody with more time, perhaps.
    const late = this.#options.timers.sleep(timeoutMs).then(() => LATE);
    return Promise.race([dialling, late]);
  }

  link(addresses: readonly Address[]): void {
    const wanted = new Set(addresses);
    for (const [address, link] of this.#links) {
      if (wanted.has(address)) continue;
      this.#links.delete(address);
      link.stop();
      this.#streams.get(address)?.close();
    }
    for (const address of wanted) {
      if (this.#links.has(address) || this.#isClosed) continue;
      const link = new Link(address, this, this.#options, this.#handlers);
      this.#links.set(address, link);
      link.start();
    }
  }

  /** Ends the streams that were opened with this key. */
  endStreamsOf(keyId: number): void {
    for (const stream of this.#streams.values()) if (stream.keyId === keyId) stream.close();
  }

  close(): void {
    this.#isClosed = true;
    this.#sweep.timer?.cancel();
    this.link([]);
    for (const stream of this.#streams.values()) stream.close();
  }

  #dialShared(address: Address, timeoutMs: number): Promise<Dialled> {
    const dialling = this.#dial(address, timeoutMs);
    this.#dialling.set(address, dialling);
    return dialling;
  }

  async #dial(address: Address, timeoutMs: number): Promise<Dialled> {
    const dialled = await dial(address, timeoutMs, this.#options, (_, stream) =>
      this.#onEnd(stream),
    );
    this.#dialling.delete(address);
    if (!("stream" in dialled)) return dialled;
    const { stream } = dialled;
    if (this.#isClosed) stream.close();
    if (stream.isOver) return { evidence: "stalled", end: "reset" };
    this.#streams.set(address, stream);
    this.#sweepLater();
    return dialled;
  }

  #onEnd(stream: OutgoingStream): void {
    if (this.#streams.get(stream.address) !== stream) return;
    this.#streams.delete(stream.address);
    this.#links.get(stream.address)?.onLost();
  }

  #sweepLater(): void {
    this.#sweep.timer ??= this.#options.timers.after(IDLE_MS, () => {
      this.#sweep.timer = null;
      const idleSince = this.#options.timers.now() - IDLE_MS;
      for (const [address, stream] of this.#streams) {
        const isIdle = stream.usedAt <= idleSince && !stream.isBusy;
        if (isIdle && !this.#links.has(address)) stream.close();
      }
      if (this.#streams.size > 0) this.#sweepLater();
    });
  }
}

/** Keeps a stream to one address, and tells what its loss means. */
class Link {
  readonly #address: Address;
  readonly #pool: StreamPool;
  readonly #options: StreamOptions;
  readonly #handlers: LinkHandlers;
  #timer: Timer | null = null;
  #failures = 0;
  #isStopped = false;

  constructor(address: Address, pool: StreamPool, options: StreamOptions, handlers: LinkHandlers) {
    this.#address = address;
    this.#pool = pool;
    this.#options = options;
    this.#handlers = handlers;
  }

  start(): void {
    void this.#open(LINK_TIMEOUT_MS, false);
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  /** The stream was ready and has ended. */
  onLost(): void {
    if (!this.#isStopped) this.#later(CONFIRM_PAUSE_MS, () => this.#open(CONFIRM_TIMEOUT_MS, true));
  }

  async #open(timeoutMs: number, isConfirming: boolean): Promise<void> {
    const dialled = await this.#pool.get(this.#address, timeoutMs);
    if (this.#isStopped) return;
    if ("stream" in dialled) {
      this.#failures = 0;
      return;
    }
    if (isConfirming && dialled.evidence === "refused") this.#handlers.onRefused(this.#address);
    else if (isConfirming) this.#handlers.onDoubt(this.#address);
    const delay = RETRY_MS[Math.min(this.#failures++, RETRY_MS.length - 1)] ?? 0;
    this.#later(delay, () => this.#open(LINK_TIMEOUT_MS, false));
  }

  #later(delayMs: number, task: () => Promise<void>): void {
    this.#timer?.cancel();
    this.#timer = this.#options.timers.after(delayMs, () => void task());
  }
}
