/** Everything of one process that serves traffic: data plane, policies, access log and what they count. */
import type { RouteTable } from "@bifrost/shared/domain/route";
import type { Timers } from "@bifrost/shared/domain/time";
import { AccessLog, type AccessLogSettings } from "../access-log/access-log.ts";
import { startDataPlane, type DataPlane, type DataPlaneOptions } from "../data-plane.ts";
import type { Served } from "../proxy/served.ts";
import type { ProxyMetrics } from "../proxy/services.ts";
import {
  type OpenBucket,
  SiteReader,
  type SiteSettings,
  withoutBucket,
} from "../static/site-reader.ts";
import { RouteMeter } from "../traffic/route-meter.ts";
import type { RouteTally } from "../traffic/route-tally.ts";
import type { PolicySlot } from "./policy-slot.ts";
import type { PolicyCounts } from "./policy-runtime.ts";
import { ProcessMeter, type ProcessGauges } from "./process-gauges.ts";
import { RequestRing, type RecordedRequest } from "./request-ring.ts";
import type { Tables, TableUpdate } from "./tables.ts";
import { TrafficMeter, type TrafficCounts } from "./traffic-counts.ts";

/** Plain data: it is sent to workers as it is. */
export interface PlaneSettings extends Pick<
  DataPlaneOptions,
  "host" | "port" | "domain" | "publicScheme" | "trustedProxies" | "upstreams" | "limits" | "gossip"
> {
  /** Absent = no static site can be served. */
  readonly sites?: SiteSettings;
  /** null = none. */
  readonly accessLog: AccessLogSettings | null;
}

export type PlaneCounts = {
  readonly proxy: Readonly<Record<keyof ProxyMetrics, number>>;
  readonly traffic: TrafficCounts;
  readonly accessLog: { readonly written: number; readonly dropped: number };
  readonly policyCalls: ReadonlyMap<string, number>;
  readonly policyErrors: ReadonlyMap<string, number>;
  readonly policiesOverBudget: ReadonlyMap<string, number>;
};

export interface PlaneGauges extends ProcessGauges {
  readonly clients: number;
  readonly upstreamConnections: number;
  readonly limiterKeys: number;
}

/** What is told every half second. */
export interface PlaneReport {
  /** Since the last report. */
  readonly counts: PlaneCounts;
  readonly gauges: PlaneGauges;
}

export interface PlaneConnections {
  readonly pid: number;
  readonly clients: number;
  /** Open connections by address. */
  readonly upstreams: ReadonlyMap<string, number>;
}

export interface PlaneDeps {
  readonly timers: Timers;
  readonly policies: PolicySlot;
  readonly openBucket: OpenBucket;
  readonly onProblem: (event: string, detail: string) => void;
}

export class Plane {
  readonly dataPlane: DataPlane;
  private readonly recorded: RequestRing;
  private readonly policies: PolicySlot;
  private readonly accessLog: AccessLog | null;
  private readonly traffic: TrafficMeter;
  private readonly routes: RouteMeter;
  private readonly process = new ProcessMeter();
  private newestRoutes: RouteTable | null = null;
  private told = { proxy: noProxyMetrics(), accessLog: { written: 0, dropped: 0 } };

  private constructor(parts: {
    readonly dataPlane: DataPlane;
    readonly recorded: RequestRing;
    readonly policies: PolicySlot;
    readonly accessLog: AccessLog | null;
    readonly traffic: TrafficMeter;
    readonly routes: RouteMeter;
  }) {
    this.dataPlane = parts.dataPlane;
    this.recorded = parts.recorded;
    this.policies = parts.policies;
    this.accessLog = parts.accessLog;
    this.traffic = parts.traffic;
    this.routes = parts.routes;
  }

  /** Listens once all of `tables` is in service. */
  static async start(settings: PlaneSettings, tables: Tables, deps: PlaneDeps): Promise<Plane> {
    const { timers, policies } = deps;
    const accessLog = await openAccessLog(settings.accessLog, deps);
    const traffic = new TrafficMeter();
    const routes = new RouteMeter();
    const recorded = new RequestRing();
    policies.load(tables.policies);
    await policies.ready(usesPolicies(tables.routes));
    const dataPlane = await startDataPlane({
      ...settings,
      timers,
      chainOf: policies.chainOf,
      sites: siteReader(settings.sites, deps),
      first: tables,
      onServed(served: Served) {
        traffic.record(served);
        routes.record(served);
        recorded.offer(served);
        accessLog?.record(served);
      },
    }).catch(async (error: unknown) => {
      await accessLog?.stop();
      throw error;
    });
    policies.onChange = () => dataPlane.renewChains();
    return new Plane({ dataPlane, recorded, policies, accessLog, traffic, routes });
  }

  update({ routes, backends, avoided, distant, policies }: TableUpdate): void {
    if (policies !== undefined) this.policies.load(policies);
    if (routes !== undefined && routes !== null) this.setRoutes(routes);
    if (backends !== undefined && backends !== null) this.dataPlane.setBackends(backends);
    if (distant !== undefined) this.dataPlane.setDistant(distant);
    if (avoided !== undefined) this.dataPlane.avoid(avoided);
  }

  /** The first routes with policies wait for the engine that runs them; those before serve meanwhile. */
  private setRoutes(routes: RouteTable): void {
    this.newestRoutes = routes;
    if (this.policies.isReady || !usesPolicies(routes)) this.dataPlane.setRoutes(routes);
    else void this.setOnceReady(routes);
  }

  private async setOnceReady(routes: RouteTable): Promise<void> {
    await this.policies.ready(true);
    if (this.newestRoutes === routes) this.dataPlane.setRoutes(routes);
  }

  takeReport(): PlaneReport {
    const { listener } = this.dataPlane;
    const { written = 0, dropped = 0 } = this.accessLog ?? {};
    const now = { proxy: { ...listener.metrics }, accessLog: { written, dropped } };
    const { told } = this;
    this.told = now;
    const byScript = this.policies.takeCounts();
    return {
      counts: {
        proxy: since(told.proxy, now.proxy),
        accessLog: since(told.accessLog, now.accessLog),
        traffic: this.traffic.take(),
        policyCalls: pick(byScript, ({ calls }) => calls),
        policyErrors: pick(byScript, ({ errors }) => errors),
        policiesOverBudget: pick(byScript, ({ overBudget }) => overBudget),
      },
      gauges: {
        ...this.process.take(),
        clients: listener.clients(),
        upstreamConnections: sum(listener.pool.sizes().values()),
        limiterKeys: this.policies.limiterKeys(),
      },
    };
  }

  /** By route, since the last call. */
  takeServed(): readonly RouteTally[] {
    return this.routes.take();
  }

  connections(): PlaneConnections {
    const { listener } = this.dataPlane;
    return { pid: process.pid, clients: listener.clients(), upstreams: listener.pool.sizes() };
  }

  recordedRequests(): readonly RecordedRequest[] {
    return this.recorded.list();
  }

  reopenLog(): Promise<void> {
    return this.accessLog?.reopen() ?? Promise.resolve();
  }

  /** Lets responses under way end for at most `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    await this.dataPlane.stop(graceMs);
    await this.accessLog?.stop();
    this.policies.close();
    this.process.close();
  }
}

function openAccessLog(
  settings: AccessLogSettings | null,
  { timers, onProblem }: PlaneDeps,
): Promise<AccessLog> | null {
  if (settings === null) return null;
  const problem = (detail: string): void => onProblem("access log cannot be written", detail);
  return AccessLog.open({ settings, timers, onProblem: problem });
}

function siteReader(
  settings: SiteSettings | undefined,
  { timers, openBucket, onProblem }: PlaneDeps,
): SiteReader {
  if (settings === undefined) return withoutBucket(timers);
  const objects = openBucket(settings.endpoint);
  return new SiteReader({ ...settings, objects, timers, onProblem });
}

function usesPolicies(routes: RouteTable | null): boolean {
  if (routes === null) return false;
  const { platformPolicies, projectPolicies } = routes;
  return (
    platformPolicies.length > 0 ||
    [...projectPolicies.values()].some((attached) => attached.length > 0) ||
    [...routes.routes.values()].some(
      (route) =>
        route.policies.length > 0 || route.paths.some(({ policies }) => policies.length > 0),
    )
  );
}

function noProxyMetrics(): Record<keyof ProxyMetrics, number> {
  return { requests: 0, forwarded: 0, pages: 0, retried: 0, broken: 0, waited: 0 };
}

function since<T extends Readonly<Record<string, number>>>(former: T, now: T): T {
  const entries = Object.entries(now).map(([key, value]) => [key, value - (former[key] ?? 0)]);
  return Object.fromEntries(entries) as T;
}

function pick(
  counts: ReadonlyMap<string, PolicyCounts>,
  value: (counts: PolicyCounts) => number,
): ReadonlyMap<string, number> {
  return new Map([...counts].map(([key, of]) => [key, value(of)]));
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
