/**
 * What parent and workers tell each other over IPC. Both are the same program, so there are no versions; they are
 * copied by structured clone, so maps and sets pass.
 */
import type { LogFields } from "@bifrost/shared/ports/logger";
import type { LimitsFromPlane, LimitsToPlane } from "../limits/limit-messages.ts";
import type { RouteTally } from "../traffic/route-tally.ts";
import type { PlaneConnections, PlaneReport, PlaneSettings } from "./plane.ts";
import type { PolicyFault, PolicyLogLine } from "./policy-runtime.ts";
import type { RecordedRequest } from "./request-ring.ts";
import type { Tables, TableUpdate } from "./tables.ts";

export type ToWorker =
  /** The first message; the worker listens once all of it is in service. */
  | { readonly kind: "start"; readonly settings: PlaneSettings; readonly tables: Tables }
  | { readonly kind: "update"; readonly update: TableUpdate }
  | { readonly kind: "limits"; readonly message: LimitsToPlane }
  | { readonly kind: "ask"; readonly id: number; readonly what: keyof Answers }
  | { readonly kind: "reopen-log" }
  /** Take no more connections, end what is under way, then end. */
  | { readonly kind: "drain"; readonly graceMs: number };

export type FromWorker =
  /** It listens to messages; what is sent to it before is lost. */
  | { readonly kind: "up" }
  | { readonly kind: "listening"; readonly port: number }
  /** It ends after this. */
  | { readonly kind: "failed"; readonly code: string; readonly message: string }
  /** Also the sign of life. */
  | { readonly kind: "report"; readonly report: PlaneReport }
  | { readonly kind: "beat" }
  /** By route, since the last one. */
  | { readonly kind: "served"; readonly served: readonly RouteTally[] }
  | { readonly kind: "answer"; readonly id: number; readonly answer: unknown }
  | { readonly kind: "limits"; readonly message: LimitsFromPlane }
  | { readonly kind: "fault"; readonly fault: PolicyFault }
  | { readonly kind: "policy-log"; readonly line: PolicyLogLine }
  | { readonly kind: "problem"; readonly event: string; readonly fields: LogFields };

/** What a worker can be asked for. */
export interface Answers {
  readonly connections: PlaneConnections;
  readonly recorded: readonly RecordedRequest[];
}

/** How often a worker reports; the parent takes it for lost after WATCHDOG.silenceMs without. */
export const REPORT_MS = 500;
