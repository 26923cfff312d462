/** Runs alert rules over the samples of sidecars and tells what they raise. */
import type { RouteTable } from "@bifrost/shared/domain/route";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { BackendTable, ReleaseBackends } from "@bifrost/shared/ports/backend-source";
import type { TakenSample } from "../telemetry/sample-feed.ts";
import { TokenBucket } from "../telemetry/token-bucket.ts";
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
/** Notices of one rule: enough for hundreds of replicas that fail at once, and not for a new message with each sample. */
const NOTICES_PER_SECOND = 1;
const NOTICE_BURST = 500;
/** Releases remembered beyond those that have ready replicas. */
const MAX_RELEASES = 4096;
const UNKNOWN_RELEASE: ReleaseBackends = { projectId: "", ready: [] };
const LEVELS = { info: "info", warning: "warn", critical: "error" } as const;

export class Alerts {
  /** Notices by severity; those of a resolved alert count too. */
  readonly told = Object.fromEntries(SEVERITIES.map((severity) => [severity, 0]));
  /** Alerts to webhooks that nobody configured. */
  unknownTargets = 0;
  /** Notices that were not told, because their rule had told too many. */
  muted = 0;
  readonly book: AlertBook;
  private readonly options: AlertsOptions;
  private readonly releases = new Map<string, ReleaseBackends>();
  private readonly voices = new Map<string, Voice>();
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
    const names = new Set(rules.map(({ name }) => name));
    this.book.keepRules(names);
    for (const name of this.voices.keys()) if (!names.has(name)) this.voices.delete(name);
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

  private mayTell(rule: string): boolean {
    const { timers, log } = this.options;
    const now = timers.now();
    const voice = this.voices.get(rule) ?? newVoice(now);
    this.voices.set(rule, voice);
    if (voice.bucket.isFull(now)) voice.isMuted = false;
    if (voice.bucket.take(1, now) === 0) return true;
    this.muted++;
    if (!voice.isMuted) {
      const why = "a message that differs with each sample is another alert each time";
      log.error("alert rule tells too much: not all of its alerts are told", { rule, why });
    }
    voice.isMuted = true;
    return false;
  }

  private tell(notice: AlertNotice): void {
    const { severity, to, state, message, rule, values } = notice;
    if (!this.mayTell(rule)) return;
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

interface Voice {
  readonly bucket: TokenBucket;
  /** Whether it was said that not all is told. */
  isMuted: boolean;
}

function newVoice(now: number): Voice {
  return { bucket: new TokenBucket(NOTICES_PER_SECOND, NOTICE_BURST, now), isMuted: false };
}
