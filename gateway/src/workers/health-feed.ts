/**
 * Tells the data planes which replicas to avoid, from the samples that reach this gateway's collector and from what its cluster
 * sees of their hosts, and which ones are far away.
 */
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { BackendTable } from "@bifrost/shared/ports/backend-source";
import type { Member } from "../gossip/member.ts";
import type { TakenSample } from "../telemetry/sample-feed.ts";
import { avoidedAddresses, distantAddresses, heardKey, type HeardOf } from "./avoided.ts";
import { lostHosts } from "./lost-hosts.ts";
import type { TableUpdate } from "./tables.ts";

/** How often silence is looked for. */
const SWEEP_MS = 1000;

export interface HealthFeedOptions {
  readonly timers: Timers;
  /** Of this gateway; "" = unknown. */
  readonly region: string;
  /** Called with what changed. */
  readonly tell: (update: Pick<TableUpdate, "avoided" | "distant">) => void;
}

export class HealthFeed {
  private readonly options: HealthFeedOptions;
  private readonly heard = new Map<string, HeardOf>();
  private backends: BackendTable = new Map();
  private members: readonly Member[] = [];
  private avoided: ReadonlySet<string> = new Set();
  private distant: ReadonlySet<string> = new Set();
  private timer: Timer;

  constructor(options: HealthFeedOptions) {
    this.options = options;
    this.timer = options.timers.after(SWEEP_MS, () => this.sweep());
  }

  take(samples: readonly TakenSample[]): void {
    for (const { deploymentId, line, replica } of samples) {
      this.heard.set(heardKey(deploymentId, replica.pod), { replica, fails: line.fails });
    }
    this.judge();
  }

  setBackends(backends: BackendTable): void {
    this.backends = backends;
    const distant = distantAddresses(this.options.region, backends);
    if (!isSame(distant, this.distant)) {
      this.distant = distant;
      this.options.tell({ distant });
    }
    this.judge();
  }

  /** Of this gateway's cluster, whenever one changes. */
  setMembers(members: readonly Member[]): void {
    this.members = members;
    this.judge();
  }

  stop(): void {
    this.timer.cancel();
  }

  private sweep(): void {
    const { timers } = this.options;
    const now = timers.now();
    for (const [key, { replica }] of this.heard) {
      if (now >= replica.expireAt) this.heard.delete(key);
    }
    this.judge();
    this.timer = timers.after(SWEEP_MS, () => this.sweep());
  }

  private judge(): void {
    const now = this.options.timers.now();
    const signs = { heard: this.heard, lost: lostHosts(this.members, now) };
    const avoided = avoidedAddresses(signs, this.backends, now);
    if (isSame(avoided, this.avoided)) return;
    this.avoided = avoided;
    this.options.tell({ avoided });
  }
}

function isSame(one: ReadonlySet<string>, other: ReadonlySet<string>): boolean {
  return one.size === other.size && [...one].every((address) => other.has(address));
}
