/** One data plane without a gateway around it, on a clock that moves when told: what it tells of requests, and when. */
import { startDataPlane, type DataPlane, type DataPlaneOptions } from "../data-plane.ts";
import { DEFAULT_PROXY_LIMITS, type ProxyLimits } from "../proxy/services.ts";
import type { Served } from "../proxy/served.ts";
import { HOST } from "./proxy-rig.ts";
import { testSources } from "./sources.ts";
import { eventually, rawClient, type RawClient } from "./test-gateway.ts";
import { TestReplicas, type TestReplica } from "./test-replicas.ts";
import { virtualTimers, type VirtualTimers } from "./virtual-timers.ts";

export interface PlaneRigOptions extends Partial<
  Pick<DataPlaneOptions, "trustedProxies" | "gossip">
> {
  readonly limits?: Partial<ProxyLimits>;
  readonly chainOf?: DataPlaneOptions["chainOf"];
  /** On the real clock. */
  readonly connectTimeoutMs?: number;
}

export class PlaneRig {
  readonly plane: DataPlane;
  readonly replicas = new TestReplicas();
  readonly clock: VirtualTimers;
  /** Of every request that is over, in the order of their ends. */
  readonly served: readonly Served[];

  private constructor(plane: DataPlane, clock: VirtualTimers, served: readonly Served[]) {
    this.plane = plane;
    this.clock = clock;
    this.served = served;
  }

  static async start(options: PlaneRigOptions = {}): Promise<PlaneRig> {
    const served: Served[] = [];
    const clock = virtualTimers();
    const plane = await startDataPlane({
      host: "127.0.0.1",
      port: 0,
      domain: "test.local",
      publicScheme: "http",
      upstreams: {
        connectTimeoutMs: options.connectTimeoutMs ?? 2000,
        idleMs: 4000,
        perAddress: 256,
      },
      limits: { ...DEFAULT_PROXY_LIMITS, ...options.limits },
      timers: clock,
      chainOf: options.chainOf ?? (() => null),
      gossip: options.gossip ?? null,
      trustedProxies: options.trustedProxies ?? [],
      onServed: (one) => served.push(one),
    });
    return new PlaneRig(plane, clock, served);
  }

  async stop(): Promise<void> {
    const stopped = this.plane.stop(0);
    await this.clock.advance(1);
    await stopped;
    this.replicas.close();
  }

  get listener() {
    return this.plane.listener;
  }

  client(): Promise<RawClient> {
    return rawClient(this.listener.port);
  }

  /** Makes these replicas the live release of HOST. */
  serve(...replicas: readonly TestReplica[]): void {
    const sources = testSources();
    sources.setBackends({ first: replicas.map(({ address }) => address) });
    sources.setRoutes({ [HOST]: {} }, { project: "first" });
    sources.backends.watch((table) => this.plane.setBackends(table));
    sources.routes.watch((table) => this.plane.setRoutes(table));
  }

  /** The record of the request number `index`, once it is over. */
  async record(index = 0): Promise<Served> {
    await eventually(`request ${index} is over`, () => this.served.length > index);
    const found = this.served[index];
    if (found === undefined) throw new Error("unreachable");
    return found;
  }
}
