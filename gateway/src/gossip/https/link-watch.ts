/**
 * Connections to linked nodes that end. Where nodes reach each other directly, that is how a crash shows at once; behind
 * something that ends connections itself it leads to a check, and to no more.
 */
import type { Agent } from "node:http";
import type { Socket } from "node:net";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Address } from "../member.ts";
import type { CheckResult, TransportHandlers } from "../transport.ts";

/** As in a mesh: the process that dies may not have closed its listener yet. */
const CONFIRM_PAUSE_MS = 5;
const CONFIRM_TIMEOUT_MS = 350;
const LINK_TIMEOUT_MS = 2_000;
const RETRY_MS = [250, 500, 1_000, 2_000, 4_000, 8_000];

export interface LinkWatchParts {
  readonly timers: Timers;
  readonly handlers: Pick<TransportHandlers, "onRefused" | "onDoubt">;
  check(address: Address, timeoutMs: number): Promise<CheckResult>;
}

interface Link {
  /** A connection ended, and what that means is not settled yet: the ends of others add nothing. */
  isInDoubt: boolean;
  failures: number;
  timer: Timer | null;
}

export class LinkWatch {
  readonly #parts: LinkWatchParts;
  readonly #links = new Map<Address, Link>();
  readonly #watched = new WeakSet<Socket>();

  constructor(parts: LinkWatchParts) {
    this.#parts = parts;
  }

  /** Every connection of the agent is watched from when it is first kept for later. */
  watch(agent: Agent, scheme: "http" | "https"): void {
    agent.on("free", (socket: Socket, options: { host?: string; port?: number | string }) => {
      if (this.#watched.has(socket)) return;
      this.#watched.add(socket);
      const address = new URL(`${scheme}://${options.host}:${options.port}`).origin;
      socket.once("close", () => this.#onClosed(address));
    });
  }

  link(addresses: readonly Address[]): void {
    const wanted = new Set(addresses);
    for (const [address, link] of this.#links) {
      if (wanted.has(address)) continue;
      link.timer?.cancel();
      this.#links.delete(address);
    }
    for (const address of wanted) {
      if (this.#links.has(address)) continue;
      const link: Link = { isInDoubt: false, failures: 0, timer: null };
      this.#links.set(address, link);
      void this.#open(address, link, LINK_TIMEOUT_MS, false);
    }
  }

  #onClosed(address: Address): void {
    const link = this.#links.get(address);
    if (link === undefined || link.isInDoubt) return;
    link.isInDoubt = true;
    this.#later(address, link, CONFIRM_PAUSE_MS, () =>
      this.#open(address, link, CONFIRM_TIMEOUT_MS, true),
    );
  }

  async #open(
    address: Address,
    link: Link,
    timeoutMs: number,
    isConfirming: boolean,
  ): Promise<void> {
    const result = await this.#parts.check(address, timeoutMs);
    // One that began before the doubt settles nothing: the confirming one is on its way.
    if (this.#links.get(address) !== link || link.isInDoubt !== isConfirming) return;
    link.isInDoubt = false;
    if (result === "answered") {
      link.failures = 0;
      return;
    }
    const delayMs = RETRY_MS[Math.min(link.failures++, RETRY_MS.length - 1)] ?? 0;
    this.#later(address, link, delayMs, () => this.#open(address, link, LINK_TIMEOUT_MS, false));
    if (isConfirming && result === "refused") this.#parts.handlers.onRefused(address);
    else if (isConfirming) this.#parts.handlers.onDoubt(address);
  }

  #later(address: Address, link: Link, delayMs: number, task: () => Promise<unknown>): void {
    link.timer?.cancel();
    link.timer = this.#parts.timers.after(delayMs, () => {
      if (this.#links.get(address) === link) void task();
    });
  }
}
