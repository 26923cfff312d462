/** The one data plane in the parent itself: for tests, and where one process is enough. */
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import { NO_MARKER } from "../policies/policy-host.ts";
import type { RunningListener } from "../proxy/listener.ts";
import type { LimitsHost } from "../limits/limit-messages.ts";
import { hostLimits } from "../limits/limits-hub.ts";
import type { OpenBucket } from "../static/site-reader.ts";
import { plus } from "./counts.ts";
import type { DataPlanes, PlanesEvents, PlanesSummary } from "./data-planes.ts";
import { REPORT_MS } from "./messages.ts";
import { Plane, type PlaneCounts, type PlaneSettings } from "./plane.ts";
import type { StartPolicyRuntime } from "./policy-runtime.ts";
import { PolicySlot } from "./policy-slot.ts";
import { NO_TABLES, type Tables } from "./tables.ts";

export interface InProcessOptions {
  readonly settings: PlaneSettings;
  readonly timers: Timers;
  readonly startPolicies: StartPolicyRuntime;
  readonly openBucket: OpenBucket;
  readonly events: PlanesEvents;
  /** Absent = there is no cluster. */
  readonly limits?: LimitsHost;
  readonly onProblem: (event: string, detail: string) => void;
  /** It listens once this is there. Absent = at once, knowing nothing. */
  readonly firstTables?: Promise<Tables>;
}

export interface InProcessDataPlanes extends DataPlanes {
  readonly listener: RunningListener;
}

const ONLY_PLANE = 1;

export async function startInProcess(options: InProcessOptions): Promise<InProcessDataPlanes> {
  const { timers, events, openBucket, onProblem } = options;
  const { onFault, onPolicyLog: onLog } = events;
  const limits = options.limits ?? hostLimits(timers);
  const policies = new PolicySlot(
    () =>
      options.startPolicies({
        timers,
        marker: NO_MARKER,
        onFault,
        onLog,
        tellLimits: (message) => limits.heard(ONLY_PLANE, message),
      }),
    onProblem,
  );
  limits.join(ONLY_PLANE, (message) => policies.hearLimits(message));
  let tables = (await options.firstTables) ?? NO_TABLES;
  const plane = await Plane.start(options.settings, tables, {
    timers,
    policies,
    openBucket,
    onProblem,
  });
  const { dataPlane } = plane;
  let totals: PlaneCounts | null = null;
  let listener: Parameters<DataPlanes["onServed"]>[0] | null = null;
  const tellServed = (): Timer =>
    timers.after(REPORT_MS, () => {
      const served = plane.takeServed();
      if (served.length > 0) listener?.(served);
      telling = tellServed();
    });
  let telling = tellServed();
  function summary(): PlanesSummary {
    const { counts, gauges } = plane.takeReport();
    totals = totals === null ? counts : plus(totals, counts);
    return { totals, planes: [gauges], crashes: 0, kills: 0, crashLoops: 0 };
  }
  return {
    listener: dataPlane.listener,
    port: dataPlane.listener.port,
    update(change) {
      tables = { ...tables, ...change };
      plane.update(change);
    },
    tables: () => tables,
    serving: () => dataPlane.table(),
    readiness: () => ({ ...dataPlane.readiness(), workers: true }),
    summary,
    onServed: (given) => void (listener = given),
    connections: () => Promise.resolve([plane.connections()]),
    recorded: () => Promise.resolve(plane.recordedRequests()),
    // There is no process to replace but this one.
    restart: () => Promise.resolve(),
    reopenLogs: () => void plane.reopenLog().catch((error: unknown) => refused(onProblem, error)),
    stop(graceMs) {
      telling.cancel();
      return plane.stop(graceMs);
    },
  };
}

function refused(onProblem: InProcessOptions["onProblem"], error: unknown): void {
  onProblem("access log cannot be reopened", String(error));
}
