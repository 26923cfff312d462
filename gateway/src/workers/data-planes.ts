/** All data planes of one gateway as their parent sees them, whether they are processes or run in the parent itself. */
import type { RouteTally } from "../traffic/route-tally.ts";
import type { ServingTable } from "../routing/route-table.ts";
import type { PlaneConnections, PlaneCounts, PlaneGauges } from "./plane.ts";
import type { PolicyFault, PolicyLogLine } from "./policy-runtime.ts";
import type { RecordedRequest } from "./request-ring.ts";
import type { TableUpdate, Tables } from "./tables.ts";

export interface PlanesReadiness {
  readonly routes: boolean;
  readonly backends: boolean;
  /** Whether anyone accepts connections. */
  readonly workers: boolean;
}

export interface PlanesSummary {
  /** Since the start, those of ended processes included; null until the first report. */
  readonly totals: PlaneCounts | null;
  /** Of each process that serves. */
  readonly planes: readonly PlaneGauges[];
  /** Processes that ended without being told to. */
  readonly crashes: number;
  /** Processes that were killed because they did not answer, or because a script did not return. */
  readonly kills: number;
  /** Positions whose processes end again and again. */
  readonly crashLoops: number;
}

export interface PlanesEvents {
  readonly onFault: (fault: PolicyFault) => void;
  readonly onPolicyLog: (line: PolicyLogLine) => void;
}

export interface DataPlanes {
  readonly port: number;
  /** Reaches every data plane, those that start later included. */
  update(change: TableUpdate): void;
  tables(): Tables;
  /** What is served by those tables. */
  serving(): ServingTable;
  readiness(): PlanesReadiness;
  summary(): PlanesSummary;
  /** `listener` gets what was served by route since it was last told, about twice a second. */
  onServed(listener: (served: readonly RouteTally[]) => void): void;
  connections(): Promise<readonly PlaneConnections[]>;
  /** Samples of requests from all data planes. */
  recorded(): Promise<readonly RecordedRequest[]>;
  /** Replaces every process, one after another, without refusing a request. */
  restart(): Promise<void>;
  /** The access log was renamed. */
  reopenLogs(): void;
  /** Lets responses under way end for at most `graceMs`. */
  stop(graceMs: number): Promise<void>;
}
