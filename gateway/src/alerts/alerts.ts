/** Runs alert rules over the samples of sidecars and tells what they raise. */
import type { RouteTable } from "@bifrost/shared/domain/route";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { BackendTable, ReleaseBackends } from "@bifrost/shared/ports/backend-source";
import type { TakenSample } from "../telemetry/sample-feed.ts";
import { type PolicySet, scriptKey } from "../workers/policy-runtime.ts";
import { AlertBook, type AlertNotice } from "./alert-book.ts";
import { alertValues, LOG_TARGET, SEVERITIES } from "./alert-values.ts";
import type { AlertProcess } from "./alert-process.ts";
import type { Webhook } from "./webhook.ts";

export interface AlertsOptions {
  readonly process: AlertProcess;
  /** By name. */
  readonly webhooks: ReadonlyMap<string, Webhook>;
  /** Until an alert that still stands is told again. */
  readonly repeatMs: number;
  readonly timers: Timers;
  readonly log: Logger;
}

const SWEEP_MS = 60_000;
/** Releases remembered beyond those that have ready replicas. */
const MAX_RELEASES = 4096;
const UNKNOWN_RELEASE: ReleaseBackends = { projectId: "", ready: [] };
const LEVELS = { info: "info", warning: "warn", critical: "error" } as const;

export class Alerts {
  /** Notices by severity; those of a resolved alert count too. */
  readonly told = Object.fromEntries(SEVERITIES.map((severity) => [severity, 0]));
  /** Alerts to webhooks that nobody configured. */
  unknownTargets = 0;
  readonly book: AlertBook;
  private readonly options: AlertsOptions;
  private readonly releases = new Map<string, ReleaseBackends>();
  private teams: RouteTable["teams"] = new Map();
  private sweeper: Timer;

  constructor(options: AlertsOptions) {
    this.options = options;
    this.book = new AlertBook(options.repeatMs);
    this.sweeper = options.timers.after(SWEEP_MS, () => this.sweep());
  }

  get process(): Pick<AlertProcess, "errors" | "restarts"> {
    return this.options.process;
  }

  get webhooks(): ReadonlyMap<string, Pick<Webhook, "outcomes">> {
    return this.options.webhooks;
  }

  /** All scripts in service; those that are no alert rules are passed over. */
  setScripts({ scripts, disabled }: PolicySet): void {
    const rules = scripts.filter(
      (script) =>
        script.kind === "alert" && script.source !== "" && !disabled.has(scriptKey(script)),
    );
    this.options.process.setRules(rules);
    this.book.keepRules(new Set(rules.map(({ name }) => name)));
  }

  /** A release stays known when its last replica is no longer ready: that is when alerts matter. */
  setBackends(backends: BackendTable): void {
    for (const [deploymentId, release] of backends) this.releases.set(deploymentId, release);
    for (const deploymentId of this.releases.keys()) {
      if (this.releases.size <= Math.max(backends.size, MAX_RELEASES)) break;
      if (!backends.has(deploymentId)) this.releases.delete(deploymentId);
    }
  }

  /** Whose each project is. */
  setTeams(teams: RouteTable["teams"]): void {
    this.teams = teams;
  }

  /** As a listener of the collector: the next batch comes when this one is judged. */
  async take(samples: readonly TakenSample[]): Promise<void> {
    const { process, timers } = this.options;
    const judged = samples.map((sample) => {
      const release = this.releases.get(sample.deploymentId) ?? UNKNOWN_RELEASE;
      const teamId = this.teams.get(release.projectId) ?? null;
      return { values: alertValues(sample, release), teamId };
    });
    for (const { rule, sample, raised } of await process.run(judged)) {
      const of = judged[sample]?.values;
      if (of === undefined) continue;
      for (const notice of this.book.take(rule, of, raised, timers.now())) this.tell(notice);
    }
  }

  stop(): void {
    this.sweeper.cancel();
    this.options.process.stop();
    for (const webhook of this.options.webhooks.values()) webhook.stop();
  }

  private sweep(): void {
    for (const notice of this.book.sweep(this.options.timers.now())) this.tell(notice);
    this.sweeper = this.options.timers.after(SWEEP_MS, () => this.sweep());
  }

  private tell(notice: AlertNotice): void {
    const { severity, to, state, message, rule, values } = notice;
    this.told[severity] = (this.told[severity] ?? 0) + 1;
    const webhook = this.options.webhooks.get(to);
    webhook?.offer(notice);
    const isUnknown = to !== LOG_TARGET && webhook === undefined;
    if (isUnknown) this.unknownTargets++;
    const level = state === "resolved" ? "info" : LEVELS[severity];
    this.options.log[level]("alert", {
      state,
      // A line has a severity and a message of its own.
      alertSeverity: severity,
      alertMessage: message,
      rule,
      to: isUnknown ? `${to} (no such webhook in BIFROST_ALERT_WEBHOOKS)` : to,
      ...values,
    });
  }
}
