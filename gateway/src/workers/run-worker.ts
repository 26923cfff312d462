/** The worker's side: one plane that does what the parent says. */
import type { Worker } from "node:worker_threads";
import { isBifrostError, messageOf } from "@bifrost/shared/domain/errors";
import type { Timers } from "@bifrost/shared/domain/time";
import type { OpenBucket } from "../static/site-reader.ts";
import { ignoreGroupSignals } from "./group-signals.ts";
import { REPORT_MS, type FromWorker, type ToWorker } from "./messages.ts";
import { Plane, type PlaneSettings } from "./plane.ts";
import type { StartPolicyRuntime } from "./policy-runtime.ts";
import { PolicySlot } from "./policy-slot.ts";
import { Sentinel, type SentinelData } from "./sentinel.ts";
import type { Tables } from "./tables.ts";

/** Descriptor of the pipe to the parent, as forkWorker lays it. */
const ACCUSATION_PIPE = 4;

export interface WorkerOptions {
  readonly timers: Timers;
  readonly startPolicies: StartPolicyRuntime;
  readonly openBucket: OpenBucket;
  readonly startSentinelThread: (data: SentinelData) => Worker;
}

export function runWorker(options: WorkerOptions): void {
  const worker = new WorkerSide(options);
  process.on("message", (message: ToWorker) => worker.heard(message));
  tell({ kind: "up" });
  ignoreGroupSignals();
}

class WorkerSide {
  private readonly timers: Timers;
  private readonly policies: PolicySlot;
  private readonly openBucket: OpenBucket;
  /** Commands are carried out one after another. */
  private plane: Promise<Plane> | null = null;

  constructor({ timers, startPolicies, openBucket, startSentinelThread }: WorkerOptions) {
    this.timers = timers;
    this.openBucket = openBucket;
    this.policies = new PolicySlot(
      () =>
        startPolicies({
          timers,
          marker: new Sentinel(ACCUSATION_PIPE, startSentinelThread),
          onFault: (fault) => tell({ kind: "fault", fault }),
          onLog: (line) => tell({ kind: "policy-log", line }),
          tellLimits: (message) => tell({ kind: "limits", message }),
        }),
      problem,
    );
    this.beat();
  }

  heard(message: ToWorker): void {
    if (message.kind === "start") this.start(message.settings, message.tables);
    else void this.plane?.then((plane) => this.obey(plane, message));
  }

  private start(settings: PlaneSettings, tables: Tables): void {
    const { timers, policies, openBucket } = this;
    const deps = { timers, policies, openBucket, onProblem: problem };
    this.plane = Plane.start(settings, tables, deps);
    this.plane.then((plane) => this.started(plane)).catch(fail);
  }

  private started(plane: Plane): void {
    tell({ kind: "listening", port: plane.dataPlane.listener.port });
    this.report(plane);
  }

  private obey(plane: Plane, message: Exclude<ToWorker, { kind: "start" }>): void {
    switch (message.kind) {
      case "update":
        return plane.update(message.update);
      case "limits":
        return this.policies.hearLimits(message.message);
      case "ask": {
        const { id, what } = message;
        const answer = what === "connections" ? plane.connections() : plane.recordedRequests();
        return tell({ kind: "answer", id, answer });
      }
      case "reopen-log":
        plane.reopenLog().catch((error: unknown) => {
          problem("access log cannot be reopened", messageOf(error));
        });
        return undefined;
      case "drain":
        void this.drain(plane, message.graceMs);
        return undefined;
    }
  }

  private async drain(plane: Plane, graceMs: number): Promise<void> {
    await plane.stop(graceMs);
    this.tellServed(plane);
    tell({ kind: "report", report: plane.takeReport() }, () => process.exit(0));
  }

  /** Until it listens; then its reports are signs of life. */
  private beat(): void {
    tell({ kind: "beat" });
    this.timers.after(REPORT_MS, () => {
      if (this.plane === null) this.beat();
    });
  }

  private report(plane: Plane): void {
    tell({ kind: "report", report: plane.takeReport() });
    this.tellServed(plane);
    this.timers.after(REPORT_MS, () => this.report(plane));
  }

  private tellServed(plane: Plane): void {
    const served = plane.takeServed();
    if (served.length > 0) tell({ kind: "served", served });
  }
}

/** Without a parent it goes nowhere: the channel's end then ends this process. */
function tell(message: FromWorker, then: () => void = () => undefined): void {
  process.send?.(message, undefined, undefined, then);
}

function problem(event: string, detail: string): void {
  tell({ kind: "problem", event, fields: { pid: process.pid, detail } });
}

function fail(error: unknown): void {
  const code = isBifrostError(error) ? error.code : "internal";
  tell({ kind: "failed", code, message: messageOf(error) }, () => process.exit(1));
}
