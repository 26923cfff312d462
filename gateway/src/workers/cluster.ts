/** Data planes as processes: each accepts from the same socket, the parent feeds and watches them. */
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import { Serving } from "../data-plane.ts";
import type { LimitsHost } from "../limits/limit-messages.ts";
import { hostLimits } from "../limits/limits-hub.ts";
import type { RouteTally } from "../traffic/route-tally.ts";
import { plus } from "./counts.ts";
import type { DataPlanes, PlanesEvents, PlanesReadiness, PlanesSummary } from "./data-planes.ts";
import type { FromWorker, ToWorker } from "./messages.ts";
import type { PlaneConnections, PlaneCounts, PlaneSettings } from "./plane.ts";
import { scriptKey, type PolicySet, type ScriptKey } from "./policy-runtime.ts";
import type { RecordedRequest } from "./request-ring.ts";
import type { StuckScript } from "./sentinel.ts";
import { CoalescedUpdates, NO_TABLES, type Tables, type TableUpdate } from "./tables.ts";
import { DEFAULT_WATCHDOG_LIMITS, startWatchdog, type WatchdogLimits } from "./watchdog.ts";
import { WorkerProcess, type WorkerEnd, type WorkerProgram } from "./worker-process.ts";
import { WorkerSlot } from "./worker-slot.ts";

export interface ClusterOptions {
  readonly workers: number;
  readonly program: WorkerProgram;
  readonly settings: PlaneSettings;
  readonly timers: Timers;
  readonly log: Logger;
  readonly events: PlanesEvents;
  readonly watchdog?: WatchdogLimits;
  /** Where workers meet the other nodes of the cluster. Absent = there is no cluster, and they meet each other. */
  readonly limits?: LimitsHost;
  /** Workers load meanwhile, and listen once it is there. Absent = at once, knowing nothing. */
  readonly firstTables?: Promise<Tables>;
}

/** Of a replaced worker. */
const RESTART_GRACE_MS = 30_000;

/** Resolves when every worker listens; rejects, and leaves none behind, when one does not. */
export async function startCluster(options: ClusterOptions): Promise<DataPlanes> {
  const planes = new ClusterDataPlanes(options);
  try {
    await planes.start();
  } catch (error) {
    await planes.stop(0);
    throw error;
  }
  return planes;
}

class ClusterDataPlanes implements DataPlanes {
  port: number;
  private readonly options: ClusterOptions;
  private readonly slots: WorkerSlot[] = [];
  /** The parent's own copy of what workers serve; it chooses nothing. */
  private readonly view: Serving;
  private readonly updates: CoalescedUpdates;
  private readonly limits: LimitsHost;
  private readonly stopWatchdog: () => void;
  private known: Tables = NO_TABLES;
  private readonly hasFirstTables: Promise<void>;
  private readonly stuck = new Set<ScriptKey>();
  private totals: PlaneCounts | null = null;
  private served: (served: readonly RouteTally[]) => void = () => undefined;
  private crashes = 0;
  private kills = 0;
  /** Who asks for a restart while one is under way waits for that one. */
  private restarting: Promise<void> | null = null;
  private askedPort: number;

  constructor(options: ClusterOptions) {
    const { timers, log, settings, watchdog = DEFAULT_WATCHDOG_LIMITS } = options;
    this.options = options;
    this.port = this.askedPort = settings.port;
    this.view = new Serving({ domain: settings.domain, timers, chainOf: () => null });
    const { firstTables = Promise.resolve(NO_TABLES) } = options;
    this.hasFirstTables = firstTables.then((first) => this.take(first));
    this.limits = options.limits ?? hostLimits(timers);
    this.updates = new CoalescedUpdates(timers, (update) => this.send({ kind: "update", update }));
    this.stopWatchdog = startWatchdog({
      timers,
      limits: watchdog,
      workers: () => this.workers(),
      onLost(worker) {
        log.error("worker does not answer and is killed", { pid: worker.pid });
        worker.kill();
      },
    });
  }

  async start(): Promise<void> {
    const { timers, log, workers } = this.options;
    const deps = {
      timers,
      log,
      launch: () => this.launch(),
      onLost: (_worker: WorkerProcess, end: WorkerEnd) => this.lost(end),
    };
    const first = new WorkerSlot(deps);
    this.slots.push(first);
    // A port chosen by the system: the others, and all that come later, take the same.
    if (this.port === 0) this.port = await first.current.listening;
    while (this.slots.length < workers) this.slots.push(new WorkerSlot(deps));
    await Promise.all(this.slots.map((slot) => slot.current.listening));
  }

  update(change: TableUpdate): void {
    const { policies, ...rest } = change;
    const update =
      policies === undefined ? rest : { ...rest, policies: this.withoutStuck(policies) };
    this.take(update);
    this.updates.offer(update);
  }

  private take(update: TableUpdate): void {
    this.known = { ...this.known, ...update };
    if (update.routes !== undefined && update.routes !== null) this.view.setRoutes(update.routes);
    if (update.backends !== undefined && update.backends !== null) {
      this.view.setBackends(update.backends);
    }
  }

  tables(): Tables {
    return this.known;
  }

  serving() {
    return this.view.table;
  }

  readiness(): PlanesReadiness {
    const workers = this.slots.some((slot) => slot.current.isListening);
    return { ...this.view.readiness(), workers };
  }

  summary(): PlanesSummary {
    const { totals, crashes, kills } = this;
    const planes = [...this.workers()].flatMap(({ gauges }) => gauges ?? []);
    const crashLoops = this.slots.filter((slot) => slot.isInLoop).length;
    return { totals, planes, crashes, kills, crashLoops };
  }

  onServed(listener: (served: readonly RouteTally[]) => void): void {
    this.served = listener;
  }

  connections(): Promise<readonly PlaneConnections[]> {
    return this.askAll("connections");
  }

  async recorded(): Promise<readonly RecordedRequest[]> {
    return (await this.askAll("recorded")).flat();
  }

  restart(): Promise<void> {
    this.restarting ??= this.replaceAll().finally(() => (this.restarting = null));
    return this.restarting;
  }

  reopenLogs(): void {
    this.send({ kind: "reopen-log" });
  }

  async stop(graceMs: number): Promise<void> {
    this.stopWatchdog();
    this.updates.stop();
    await Promise.all(this.slots.map((slot) => slot.stop(graceMs)));
  }

  private async replaceAll(): Promise<void> {
    for (const slot of this.slots) await slot.replace(RESTART_GRACE_MS);
  }

  private *workers(): Generator<WorkerProcess> {
    for (const slot of this.slots) yield* slot.workers;
  }

  private async begin(worker: WorkerProcess): Promise<void> {
    await this.hasFirstTables;
    const { known: tables } = this;
    const settings = { ...this.options.settings, port: this.portToAskFor() };
    worker.send({ kind: "start", settings, tables });
  }

  private launch(): WorkerProcess {
    const { program, timers } = this.options;
    const launched = new WorkerProcess(program, timers, {
      onUp: (worker) => {
        void this.begin(worker);
      },
      isExpectedAt: (port) => this.port === 0 || this.port === port,
      onReport: ({ counts }) => {
        this.totals = this.totals === null ? counts : plus(this.totals, counts);
      },
      onMessage: (from, message) => this.heard(from, message),
    });
    const { number } = launched;
    this.limits.join(number, (message) => launched.send({ kind: "limits", message }));
    void launched.ended.then(() => this.limits.heard(number, { kind: "gone" }));
    return launched;
  }

  /**
   * Workers share a socket by asking for the same port, 0 included. With the last of them its socket is gone; then
   * the next one asks for the number that the system chose before. Should the last of them end while another one that
   * asked for 0 is about to listen, that one gets a new number and is of no use.
   */
  private portToAskFor(): number {
    const isShared = [...this.workers()].some(({ isListening }) => isListening);
    if (!isShared && this.port !== 0) this.askedPort = this.port;
    return this.askedPort;
  }

  private heard(from: WorkerProcess, message: FromWorker): void {
    const { log, events } = this.options;
    if (message.kind === "fault") events.onFault(message.fault);
    else if (message.kind === "policy-log") events.onPolicyLog(message.line);
    else if (message.kind === "problem") log.error(message.event, message.fields);
    else if (message.kind === "served") this.served(message.served);
    else if (message.kind === "limits") this.limits.heard(from.number, message.message);
  }

  private lost({ stuck, signal }: WorkerEnd): void {
    if (stuck !== null) this.disable(stuck);
    if (signal === "SIGKILL") this.kills++;
    else this.crashes++;
  }

  /** A version that held a worker up stays disabled for as long as it is among the scripts. */
  private withoutStuck({ scripts, disabled }: PolicySet): PolicySet {
    const keys = new Set(scripts.map(scriptKey));
    for (const key of this.stuck) if (!keys.has(key)) this.stuck.delete(key);
    return { scripts, disabled: new Set([...disabled, ...this.stuck]) };
  }

  /** At every worker, and before the next one starts. */
  private disable(stuck: StuckScript): void {
    this.stuck.add(scriptKey(stuck));
    this.update({ policies: this.known.policies });
    const { name: script, version, heldMs } = stuck;
    const message = `It ran for more than ${heldMs} ms and could not be interrupted; its process was killed and the script is disabled.`;
    this.options.log.error("policy held its worker up and is disabled", { script, version });
    const fault = { kind: "stuck", script, version, line: null, message, stack: null } as const;
    this.options.events.onFault(fault);
  }

  private send(message: ToWorker): void {
    for (const worker of this.workers()) worker.send(message);
  }

  private async askAll<What extends "connections" | "recorded">(what: What) {
    const serving = [...this.workers()].filter(({ isListening }) => isListening);
    const answers = await Promise.all(serving.map((worker) => worker.ask(what)));
    return answers.flatMap((answer) => (answer === null ? [] : [answer]));
  }
}
