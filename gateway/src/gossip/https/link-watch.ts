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
  /** The last check was answered: a connection is there, whose end means something. */
  isUp: boolean;
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
      const link: Link = { isUp: false, failures: 0, timer: null };
      this.#links.set(address, link);
      void this.#open(address, link, LINK_TIMEOUT_MS);
    }
  }

  #onClosed(address: Address): void {
    const link = this.#links.get(address);
    if (link?.isUp !== true) return;
    link.isUp = false;
    this.#later(address, link, CONFIRM_PAUSE_MS, async () => {
      const result = await this.#open(address, link, CONFIRM_TIMEOUT_MS);
      if (this.#links.get(address) !== link) return;
      if (result === "refused") this.#parts.handlers.onRefused(address);
      else if (result !== "answered") this.#parts.handlers.onDoubt(address);
    });
  }

  async #open(address: Address, link: Link, timeoutMs: number): Promise<CheckResult> {
    const result = await this.#parts.check(address, timeoutMs);
    if (this.#links.get(address) !== link) return result;
    link.isUp = result === "answered";
    const delayMs = RETRY_MS[Math.min(link.failures, RETRY_MS.length - 1)] ?? 0;
    link.failures = link.isUp ? 0 : link.failures + 1;
    if (!link.isUp) {
      this.#later(address, link, delayMs, () => this.#open(address, link, LINK_TIMEOUT_MS));
    }
    return result;
  }

  #later(address: Address, link: Link, delayMs: number, task: () => Promise<unknown>): void {
    link.timer?.cancel();
    link.timer = this.#parts.timers.after(delayMs, () => {
      if (this.#links.get(address) === link) void task();
    });
  }
}
