/**
 * etcd: each node has a key `/services/{service_name}/{node_id}` under a lease, and hears of the others' keys by a
 * watch. Whatever breaks ends the session with etcd, and the next one begins.
 */
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Discovery, DiscoveryHandlers, DiscoverySelf } from "./discovery.ts";
import { type EtcdOptions, EtcdSession, LeaseLost } from "./etcd-session.ts";
import { Findings } from "./findings.ts";
import { Flapping } from "./flapping.ts";
import { Rounds } from "./rounds.ts";

export class EtcdDiscovery implements Discovery {
  readonly type = "etcd";
  readonly #options: EtcdOptions;
  readonly #findings: Findings;
  readonly #rounds: Rounds;
  readonly #losses: Flapping;
  #session: EtcdSession | null = null;

  constructor(options: EtcdOptions) {
    const { log, timers, random } = options;
    this.#options = options;
    this.#findings = new Findings(this.type, log, timers);
    this.#losses = new Flapping(timers);
    this.#rounds = new Rounds({
      timers,
      random,
      round: (signal) => this.#round(signal),
      onError: (error) => this.#failed(error),
    });
  }

  start(self: DiscoverySelf, handlers: DiscoveryHandlers): Promise<void> {
    this.#findings.begin(self, handlers);
    this.#rounds.start();
    return this.#findings.first;
  }

  refresh(): void {
    if (this.#session?.isOpen === true) this.#session.list();
    else this.#rounds.hurry();
  }

  problem(): string | null {
    return this.#findings.problem;
  }

  async stop(): Promise<void> {
    this.#findings.end();
    await this.#session?.revoke();
    this.#rounds.stop();
  }

  /** Lasts as long as the session does. */
  async #round(signal: AbortSignal): Promise<number> {
    const session = new EtcdSession(this.#options, this.#findings);
    this.#session = session;
    const isOver = new Promise<void>((resolve) =>
      signal.addEventListener("abort", () => resolve()),
    );
    try {
      await Promise.race([session.open(), isOver]);
      if (signal.aborted) return 0;
      this.#findings.works();
      this.#rounds.succeeded();
      await Promise.race([session.broken, isOver]);
      return 0;
    } finally {
      this.#session = null;
      session.close();
    }
  }

  #failed(error: unknown): void {
    const facts = { endpoints: this.#options.config.endpoints, error: messageOf(error) };
    if (error instanceof LeaseLost) {
      this.#findings.note("etcd-lease-lost", facts);
      if (this.#losses.happened("lease")) this.#findings.note("etcd-flapping", {});
    } else {
      this.#findings.fails(isRefusal(error) ? "etcd-register" : "etcd-client", facts);
    }
  }
}

/** etcd answered, and did not take the key: it refuses this user, has no space, has no leader. */
function isRefusal(error: unknown): boolean {
  return /etcdserver:|permission denied/.test(messageOf(error));
}
