/** The sidecar without its I/O: told the time, it probes, samples, reports and says when it wants to be woken. */
import { Environment } from "./settings/environment.ts";
import { GrpcReporter } from "./report/grpc/grpc-reporter.ts";
import * as host from "./host.ts";
import { Liveness } from "./liveness.ts";
import { NdjsonReporter } from "./report/ndjson-reporter.ts";
import { Probe, RESULT_OK } from "./probe/probe.ts";
import { Reporter } from "./report/reporter.ts";
import { Sample } from "./report/sample.ts";
import { Settings } from "./settings/settings.ts";
import { Usage } from "./usage/usage.ts";
import { Verdict } from "./probe/verdict.ts";

/** What `step` answers when the program is over. */
const DONE: f64 = -1;

export class Core {
  private readonly settings: Settings;
  private readonly probe: Probe;
  private readonly verdict: Verdict;
  private readonly usage: Usage;
  private readonly sample: Sample;
  private readonly reporter: Reporter;
  private readonly liveness: Liveness;
  private isProbing: bool = false;
  private startedAt: f64 = 0;
  private nextAt: f64;
  /** When to give up flushing; -1 = not stopping. */
  private stopAt: f64 = -1;

  constructor(settings: Settings, liveness: Liveness, now: f64) {
    this.settings = settings;
    this.liveness = liveness;
    const probe = new Probe(settings);
    this.probe = probe;
    this.verdict = new Verdict(settings.passes, settings.failures, now);
    this.usage = new Usage(settings);
    this.sample = new Sample(settings, host.wall(), probe.excerpt.text);
    this.reporter = settings.isGrpc ? new GrpcReporter(settings) : new NdjsonReporter(settings);
    this.nextAt = now;
  }

  /** Advances everything; milliseconds until the next call unless a wanted event comes first, or DONE. */
  step(now: f64): f64 {
    if (this.stopAt < 0) {
      const isProbed = this.stepProbe(now);
      this.usage.step(now);
      // With few processes the usage in the report is as new as the probe.
      if (isProbed) this.report(now);
    }
    this.reporter.step(now);
    this.liveness.step(now);
    if (this.stopAt >= 0 && (this.reporter.isIdle() || now >= this.stopAt)) {
      this.reporter.close();
      this.liveness.close();
      return DONE;
    }
    return Math.max(0, Math.ceil(this.waitMs(now)));
  }

  /** No further probes; what is queued is sent for at most `graceMs`. */
  stop(now: f64, graceMs: f64): void {
    if (this.stopAt >= 0) return;
    this.stopAt = now + graceMs;
    this.probe.abandon();
    this.reporter.hurry(now);
  }

  private waitMs(now: f64): f64 {
    const wait = Math.min(this.reporter.waitMs(now), this.liveness.waitMs(now));
    if (this.stopAt >= 0) return Math.min(wait, this.stopAt - now);
    if (this.usage.isBusy()) return 0;
    return Math.min(wait, (this.isProbing ? this.probe.wakeAt() : this.nextAt) - now);
  }

  /** Whether a probe ended. */
  private stepProbe(now: f64): bool {
    if (!this.isProbing && now >= this.nextAt) {
      this.isProbing = true;
      this.startedAt = now;
      this.probe.begin(now);
    }
    this.probe.step(now);
    if (!this.isProbing || this.probe.isBusy()) return false;
    this.isProbing = false;
    this.verdict.record(this.probe.result === RESULT_OK, now);
    // From this probe's start, so that a clock that jumps ahead makes one probe and not all it passed over.
    this.nextAt = this.startedAt + this.verdict.paceMs(now, this.settings.intervalMs);
    this.usage.refresh(now);
    return true;
  }

  private report(now: f64): void {
    const sample = this.sample;
    const probe = this.probe;
    const verdict = this.verdict;
    sample.seq = sample.seq + 1;
    sample.at = host.wall();
    sample.isHealthy = verdict.isHealthy;
    sample.isProven = verdict.isProven;
    sample.verdictMs = verdict.ageMs(now);
    sample.passes = verdict.passes;
    sample.fails = verdict.failures;
    sample.result = probe.result;
    sample.status = probe.status;
    sample.isConnected = probe.isConnected;
    sample.connectMs = probe.connectMs;
    sample.latencyMs = probe.latencyMs;
    this.usage.fill(sample);
    this.reporter.add(sample, now);
  }
}

/** null = the environment is malformed, and one line about it is logged. */
export function startCore(now: f64): Core | null {
  const environment = new Environment();
  const settings = new Settings(environment);
  if (environment.isFine()) {
    const liveness = new Liveness(settings.livenessPort);
    if (settings.livenessPort === 0 || liveness.isListening()) {
      return new Core(settings, liveness, now);
    }
    environment.refuse("LIVENESS_PORT", "must be a free port; nothing can listen on ");
    environment.problem.number(settings.livenessPort as f64);
  }
  host.log(environment.problem);
  return null;
}
