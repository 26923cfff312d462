/**
 * Judges the versions that wait for it, one at a time. Every gateway does so; the first verdict that is written stands,
 * and the others notice that it is there.
 */
import { isBifrostError, messageOf } from "@bifrost/shared/domain/errors";
import type { PolicyKind, PolicyScript } from "@bifrost/shared/domain/policy";
import { judged } from "@bifrost/shared/domain/policy-changes";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { PolicyPicture } from "@bifrost/shared/ports/policy-source";
import type { PolicyStore } from "@bifrost/shared/ports/policy-store";
import type { RecordedRequest } from "../workers/request-ring.ts";
import type { Candidate, CheckResult, PolicyChecker } from "./policy-checker.ts";
import { retryDelayMs } from "./retry-delay.ts";
import type { ScriptLoader } from "./script-loader.ts";

export interface CandidateChecksOptions {
  readonly store: Pick<PolicyStore, "readVersion" | "changeVersion">;
  readonly loader: Pick<ScriptLoader, "load">;
  readonly checker: PolicyChecker;
  /** Those to the projects of a team: its scripts see no others, and neither do its reports. null = all. */
  readonly recorded: (teamId: string | null) => Promise<readonly RecordedRequest[]>;
  /** Settings of the places a policy is attached to. */
  readonly configsOf: (name: string) => Candidate["configs"];
  readonly timers: Timers;
  readonly log: Logger;
}

const HOPELESS: ReadonlySet<string> = new Set(["data-corrupt", "body-too-large"]);

interface Waiting {
  readonly name: string;
  readonly kind: PolicyKind;
  readonly version: number;
  readonly teamId: string | null;
  /** null = none. */
  readonly activeVersion: number | null;
}

/** What could not be judged, and when it may be tried again. */
interface Setback {
  readonly failures: number;
  readonly until: number;
}

export class CandidateChecks {
  private readonly options: CandidateChecksOptions;
  private waiting: ReadonlyMap<string, Waiting> = new Map();
  private readonly setbacks = new Map<string, Setback>();
  /** Judged here; a picture made before that still lists them. */
  private readonly done = new Set<string>();
  private isRunning = false;
  private isStopped = false;
  private timer: Timer | null = null;

  constructor(options: CandidateChecksOptions) {
    this.options = options;
  }

  /** Takes what waits now. */
  update({ policies, pending }: PolicyPicture): void {
    const waiting = pending.flatMap(({ policy: name, version: { version, hash } }) => {
      const policy = policies.get(name);
      if (policy === undefined) return [];
      const { kind, teamId, activeVersion } = policy;
      const candidate = { name, kind, version, teamId, activeVersion };
      return [[`${name}@${version}@${hash}`, candidate] as const];
    });
    this.waiting = new Map(waiting);
    for (const known of [this.setbacks, this.done])
      for (const key of known.keys()) if (!this.waiting.has(key)) known.delete(key);
    void this.run();
  }

  stop(): void {
    this.isStopped = true;
    this.timer?.cancel();
  }

  private async run(): Promise<void> {
    if (this.isRunning) return;
    this.isRunning = true;
    this.timer?.cancel();
    for (;;) {
      const due = this.left().find(([key]) => this.dueIn(key) <= 0);
      if (due === undefined || this.isStopped) break;
      await this.attempt(...due);
    }
    this.isRunning = false;
    const waits = this.left().map(([key]) => this.dueIn(key));
    if (waits.length === 0 || this.isStopped) return;
    this.timer = this.options.timers.after(Math.min(...waits), () => void this.run());
  }

  private left(): readonly (readonly [key: string, Waiting])[] {
    return [...this.waiting].filter(([key]) => !this.done.has(key));
  }

  private dueIn(key: string): number {
    return (this.setbacks.get(key)?.until ?? 0) - this.options.timers.now();
  }

  private async attempt(key: string, candidate: Waiting): Promise<void> {
    try {
      await this.judge(candidate);
      this.done.add(key);
    } catch (error) {
      const { name: script, version } = candidate;
      const failures = (this.setbacks.get(key)?.failures ?? 0) + 1;
      const until = this.options.timers.now() + retryDelayMs(failures);
      this.setbacks.set(key, { failures, until });
      this.options.log.warn("policy not checked", { script, version, error: messageOf(error) });
    }
  }

  private async judge(waiting: Waiting): Promise<void> {
    const { name, version } = waiting;
    const { store, timers, log } = this.options;
    const current = await store.readVersion(name, version);
    // Another gateway was faster, or the version is gone.
    if (current?.value.verdict !== "pending") return;
    const result = await this.check(waiting);
    const at = new Date(timers.now());
    try {
      await store.changeVersion(name, current, judged(current.value, result, at));
      log.info("policy checked", { script: name, version, passed: result.passed });
    } catch (error) {
      if (!isBifrostError(error, "write-conflict")) throw error;
    }
  }

  private async check(waiting: Waiting): Promise<CheckResult> {
    const { loader, checker, recorded, configsOf } = this.options;
    const { name, kind, version, teamId } = waiting;
    try {
      const [{ script, test }, inService, requests] = await Promise.all([
        loader.load(name, kind, version),
        this.inService(waiting),
        recorded(teamId),
      ]);
      return await checker.check({ script, test, requests, inService, configs: configsOf(name) });
    } catch (error) {
      // No later try would find other bytes.
      if (!isBifrostError(error) || !HOPELESS.has(error.code)) throw error;
      return { passed: false, report: [error.message] };
    }
  }

  /** A candidate can be judged without it. */
  private async inService({ name, kind, activeVersion }: Waiting): Promise<PolicyScript | null> {
    if (activeVersion === null) return null;
    try {
      return (await this.options.loader.load(name, kind, activeVersion)).script;
    } catch (error) {
      const fields = { script: name, version: activeVersion, error: messageOf(error) };
      this.options.log.warn("version in service not loaded to compare with", fields);
      return null;
    }
  }
}
