/** The pods of the gateway itself, by their labels: each running one is a node at `bind_port`. */
import type { PodProblem, PodSource, PodWatch } from "@bifrost/shared/ports/pod-source";
import type { Timer } from "@bifrost/shared/domain/time";
import type { DiscoveryConfig } from "../cluster-config/cluster-config.ts";
import { joinAddress } from "./address.ts";
import type { Discovery, DiscoveryHandlers, DiscoverySelf } from "./discovery.ts";
import { Findings } from "./findings.ts";
import type { DiscoveryBasics } from "./parts.ts";
import { NoAnswer } from "@bifrost/shared/domain/in-time";
import type { TroubleName } from "./troubles.ts";

export type KubernetesConfig = Extract<DiscoveryConfig, { type: "kubernetes" }>;

const TROUBLE_OF = {
  config: "kubernetes-config",
  forbidden: "kubernetes-forbidden",
  unreachable: "kubernetes-list",
} as const satisfies Record<PodProblem["kind"], TroubleName>;

export class KubernetesDiscovery implements Discovery {
  readonly type = "kubernetes";
  readonly #config: KubernetesConfig;
  readonly #basics: DiscoveryBasics;
  readonly #pods: PodSource;
  readonly #findings: Findings;
  #watch: PodWatch | null = null;
  #dial: Timer | null = null;

  constructor(config: KubernetesConfig, basics: DiscoveryBasics, pods: PodSource) {
    this.#config = config;
    this.#basics = basics;
    this.#pods = pods;
    this.#findings = new Findings(this.type, basics.log, basics.timers);
  }

  start(self: DiscoverySelf, handlers: DiscoveryHandlers): Promise<void> {
    this.#findings.begin(self, handlers);
    const { namespace, labelSelector, dialTimeoutMs, bindPort } = this.#config;
    this.#dial = this.#basics.timers.after(dialTimeoutMs, () =>
      this.#failed({ kind: "unreachable", message: new NoAnswer(dialTimeoutMs).message }),
    );
    this.#watch = this.#pods.watch(
      { namespace, labelSelector },
      {
        onPods: (pods) => {
          this.#dial?.cancel();
          this.#findings.works();
          this.#findings.found(pods.map(({ ip }) => joinAddress(ip, bindPort)));
        },
        onProblem: (problem) => this.#failed(problem),
      },
    );
    return this.#findings.first;
  }

  refresh(): void {
    this.#watch?.hurry();
  }

  problem(): string | null {
    return this.#findings.problem;
  }

  stop(): Promise<void> {
    this.#findings.end();
    this.#dial?.cancel();
    this.#watch?.stop();
    return Promise.resolve();
  }

  #failed({ kind, message }: PodProblem): void {
    this.#dial?.cancel();
    const { namespace, labelSelector } = this.#config;
    this.#findings.fails(TROUBLE_OF[kind], { namespace, labelSelector, error: message });
  }
}
