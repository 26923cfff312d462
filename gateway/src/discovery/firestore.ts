/**
 * Nodes that meet in Firestore: each one writes its address there again and again, and reads those of the others. For
 * places where nodes can neither be listed nor broadcast, such as Cloud Run.
 */
import { messageOf } from "@bifrost/shared/domain/errors";
import type { MetNode, NodeRendezvous } from "@bifrost/shared/ports/node-rendezvous";
import type { DiscoveryConfig } from "../cluster-config/cluster-config.ts";
import { isAddress } from "./address.ts";
import type { Discovery, DiscoveryHandlers, DiscoverySelf } from "./discovery.ts";
import { Findings, MAX_NODES } from "./findings.ts";
import type { DiscoveryBasics } from "./parts.ts";
import { Rounds } from "./rounds.ts";
import { GOODBYE_MS } from "./goodbye.ts";
import { inTime } from "@bifrost/shared/domain/in-time";

export type FirestoreConfig = Extract<DiscoveryConfig, { type: "firestore" }>;

const HEARTBEAT_MS = 10_000;
/** A node whose last three heartbeats were missed is gone. */
const LIFE_IN_HEARTBEATS = 3.5;
/** After this, what a node that never said goodbye left behind is removed by whoever sees it. */
const FORGOTTEN_MS = 3_600_000;
/** In one round: however much is left behind, it must not keep this node's own heartbeat waiting. */
const MOST_REMOVED = 16;

export class FirestoreDiscovery implements Discovery {
  readonly type = "firestore";
  readonly #config: FirestoreConfig;
  readonly #basics: DiscoveryBasics;
  readonly #rendezvous: NodeRendezvous;
  readonly #heartbeatMs: number;
  readonly #findings: Findings;
  readonly #rounds: Rounds;
  #lastRound: Promise<unknown> = Promise.resolve();

  /** `heartbeatMs`: between two rounds. */
  constructor(
    config: FirestoreConfig,
    basics: DiscoveryBasics,
    rendezvous: NodeRendezvous,
    heartbeatMs = HEARTBEAT_MS,
  ) {
    const { log, timers, random } = basics;
    this.#config = config;
    this.#basics = basics;
    this.#rendezvous = rendezvous;
    this.#heartbeatMs = heartbeatMs;
    this.#findings = new Findings(this.type, log, timers);
    this.#rounds = new Rounds({
      timers,
      random,
      round: () => this.#round(),
      onError: (error) => this.#findings.fails("firestore-access", { error: messageOf(error) }),
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

  async stop(): Promise<void> {
    this.#rounds.stop();
    this.#findings.end();
    // A heartbeat that is under way would put back what is withdrawn.
    const gone = this.#lastRound.then(() => this.#rendezvous.withdraw(this.#findings.self.nodeId));
    await inTime(this.#basics.timers, GOODBYE_MS, gone).catch(() => undefined);
  }

  #round(): Promise<number> {
    const round = this.#meet();
    this.#lastRound = round.catch(() => undefined);
    return round;
  }

  async #meet(): Promise<number> {
    const { serviceName } = this.#config;
    const now = await this.#soon(
      this.#rendezvous.announce({ ...this.#findings.self, serviceName }),
    );
    const nodes = await this.#soon(this.#rendezvous.list(serviceName, MAX_NODES + 1));
    this.#findings.works();
    this.#findings.found(this.#alive(nodes, now).map(({ address }) => address));
    const forgotten = nodes.filter(({ seenAt }) => now - seenAt > FORGOTTEN_MS);
    const some = forgotten.slice(0, MOST_REMOVED);
    await Promise.all(some.map(({ nodeId }) => this.#soon(this.#rendezvous.withdraw(nodeId))));
    return this.#heartbeatMs * (0.9 + 0.2 * this.#basics.random());
  }

  #alive(nodes: readonly MetNode[], now: number): readonly MetNode[] {
    const { nodeId } = this.#findings.self;
    const lifeMs = this.#heartbeatMs * LIFE_IN_HEARTBEATS;
    return nodes.filter((node) => {
      if (node.nodeId === nodeId || now - node.seenAt > lifeMs) return false;
      if (isAddress(node.address)) return true;
      this.#findings.note("invalid-entry", { node: node.nodeId });
      return false;
    });
  }

  #soon<T>(call: Promise<T>): Promise<T> {
    return inTime(this.#basics.timers, this.#config.dialTimeoutMs, call);
  }
}
