/** The traffic of a gateway as its parent knows it: told to the gossip process, or, without a cluster, kept here. */
import type { ClusterTraffic } from "@bifrost/shared/api/cluster-traffic";
import type { Timers } from "@bifrost/shared/domain/time";
import type { DataPlanes } from "../workers/data-planes.ts";
import type { RouteTally } from "./route-tally.ts";
import { summarize } from "./summarize.ts";
import { TrafficBook } from "./traffic-book.ts";

/** The cluster of this gateway. */
export interface TrafficCluster {
  readonly self: string;
  tell(message: { readonly kind: "served"; readonly served: readonly RouteTally[] }): void;
  /** null = the gossip process cannot be asked now. */
  traffic(): Promise<ClusterTraffic | null>;
}

export interface GatewayTrafficOptions {
  readonly dataPlanes: Pick<DataPlanes, "onServed">;
  /** null = this gateway runs alone. */
  readonly cluster: TrafficCluster | null;
  readonly timers: Timers;
}

/** What a gateway that runs alone is called. */
const ALONE = "local";

export class GatewayTraffic {
  private readonly cluster: TrafficCluster | null;
  private readonly timers: Timers;
  private readonly self: string;
  /** Of this gateway alone: all there is to tell when there is no cluster to ask. */
  private readonly book: TrafficBook;

  constructor({ dataPlanes, cluster, timers }: GatewayTrafficOptions) {
    this.cluster = cluster;
    this.timers = timers;
    this.self = cluster?.self ?? ALONE;
    this.book = new TrafficBook({ node: this.self, epoch: 0, now: timers.now() });
    dataPlanes.onServed((served) => this.take(served));
  }

  async summary(): Promise<ClusterTraffic> {
    const known = await this.cluster?.traffic();
    return known ?? summarize(this.self, this.book.reports(this.timers.now()));
  }

  private take(served: readonly RouteTally[]): void {
    const now = this.timers.now();
    this.book.forget(now, () => true);
    this.book.add(served, now);
    this.cluster?.tell({ kind: "served", served });
  }
}
