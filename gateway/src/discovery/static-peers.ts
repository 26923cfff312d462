/** The addresses in `cluster_config.peers`: known from the start, never changing. */
import type { Address } from "../gossip/member.ts";
import type { Discovery, DiscoveryHandlers, DiscoverySelf } from "./discovery.ts";
import { Findings } from "./findings.ts";
import type { DiscoveryBasics } from "./parts.ts";

export class StaticPeers implements Discovery {
  readonly type = "static";
  readonly #peers: readonly Address[];
  readonly #findings: Findings;

  constructor(peers: readonly Address[], { log, timers }: DiscoveryBasics) {
    this.#peers = peers;
    this.#findings = new Findings(this.type, log, timers);
  }

  start(self: DiscoverySelf, handlers: DiscoveryHandlers): Promise<void> {
    this.#findings.begin(self, handlers);
    this.#findings.found(this.#peers);
    return Promise.resolve();
  }

  refresh(): void {}

  problem(): null {
    return null;
  }

  stop(): Promise<void> {
    this.#findings.end();
    return Promise.resolve();
  }
}
