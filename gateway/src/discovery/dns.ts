/** Names that resolve to the nodes: A, AAAA and SRV records, and the hosts file. Passive: somebody else keeps the records. */
import { messageOf } from "@bifrost/shared/domain/errors";
import type { DiscoveryConfig } from "../cluster-config/cluster-config.ts";
import type { Address } from "../gossip/member.ts";
import type { Discovery, DiscoveryHandlers, DiscoverySelf } from "./discovery.ts";
import { Findings } from "./findings.ts";
import { NameLookup, type NameServers } from "./name-lookup.ts";
import type { DiscoveryBasics } from "./parts.ts";
import { Rounds } from "./rounds.ts";

export type DnsConfig = Extract<DiscoveryConfig, { type: "dns" }>;

/** What a record's TTL makes of the pause between two rounds. */
const SHORTEST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;

export class DnsDiscovery implements Discovery {
  readonly type = "dns";
  readonly #config: DnsConfig;
  readonly #lookup: NameLookup;
  readonly #findings: Findings;
  readonly #rounds: Rounds;
  /** By name, the last answer: a name server that is gone takes no node with it. */
  readonly #answers = new Map<string, readonly Address[]>();

  /** `servers`: null = those of this machine. */
  constructor(config: DnsConfig, basics: DiscoveryBasics, servers: NameServers = null) {
    const { log, timers, random } = basics;
    this.#config = config;
    this.#lookup = new NameLookup(servers, config.dialTimeoutMs, timers);
    this.#findings = new Findings(this.type, log, timers);
    this.#rounds = new Rounds({
      timers,
      random,
      round: () => this.#round(),
      // What failed is told by name.
      onError: () => undefined,
    });
  }

  start(self: DiscoverySelf, handlers: DiscoveryHandlers): Promise<void> {
    this.#findings.begin(self, handlers);
    this.#rounds.start();
    return this.#findings.first;
  }

  refresh(): void {
    this.#rounds.hurry();
  }

  problem(): string | null {
    return this.#findings.problem;
  }

  stop(): Promise<void> {
    this.#rounds.stop();
    this.#findings.end();
    return Promise.resolve();
  }

  /** All names at once; what the others answered counts even when one of them fails. */
  async #round(): Promise<number> {
    const outcomes = await Promise.allSettled(this.#config.names.map((name) => this.#ask(name)));
    this.#findings.found([...this.#answers.values()].flat());
    const failure = outcomes.find((outcome) => outcome.status === "rejected");
    if (failure !== undefined) throw failure.reason;
    const pauses = outcomes.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    if (pauses.every((pauseMs) => pauseMs !== null)) this.#findings.works();
    return Math.min(LONGEST_PAUSE_MS, ...pauses.map((pauseMs) => pauseMs ?? SHORTEST_PAUSE_MS));
  }

  /** Answers for how long the answer holds; null = there are no addresses. */
  async #ask(name: string): Promise<number | null> {
    try {
      const answer = await this.#lookup.find(name, this.#config.bindPort);
      this.#answers.set(name, answer.kind === "found" ? answer.addresses : []);
      if (answer.kind === "found") return Math.max(SHORTEST_PAUSE_MS, answer.ttlSeconds * 1000);
      if (answer.kind === "alias")
        this.#findings.fails("dns-cname", { name, target: answer.target });
      else
        this.#findings.fails("dns-lookup", {
          name,
          error: "there is no such name, or it has no addresses",
        });
      return null;
    } catch (error) {
      this.#findings.fails("dns-lookup", { name, error: messageOf(error) });
      throw error;
    }
  }
}
