/** The sidecar without its I/O: told the time, it probes, samples, reports and says when it wants to be woken. */
import type { Host } from "./host.ts";
import { reportLine } from "./line.ts";
import { Probe } from "./probe.ts";
import { Reporter } from "./reporter.ts";
import { Settings } from "./settings.ts";
import { Usage } from "./usage.ts";

/** Until the first passes a release waits for this probe, so it comes often. */
const EAGER_INTERVAL_MS = 100;
const NEEDED_PASSES = 2;

/** What `step` answers when the program is over. */
export const DONE = -1;

export class Core {
  private readonly host: Host;
  private readonly settings: Settings;
  private readonly probe: Probe;
  private readonly usage: Usage;
  private readonly reporter: Reporter;
  private readonly boot: number;
  private seq = 0;
  private nextAt = 0;
  private isProbing = false;
  private isSettled = false;
  /** When to give up flushing; -1 = not stopping. */
  private stopAt = -1;

  /** Throws SettingsError. */
  constructor(host: Host, now: number) {
    this.host = host;
    this.settings = new Settings(host);
    this.probe = new Probe(host, this.settings);
    this.usage = new Usage(host, this.settings.appPidFile);
    this.reporter = new Reporter(host, this.settings);
    this.boot = host.wallMs();
    this.nextAt = now;
  }

  /** Advances everything; milliseconds until the next call unless a socket moves sooner, or DONE. */
  step(now: number): number {
    if (this.stopAt < 0) this.stepProbe(now);
    this.reporter.step(now);
    if (this.stopAt >= 0 && (this.reporter.isIdle() || now >= this.stopAt)) {
      this.reporter.close();
      return DONE;
    }
    let wait = this.reporter.wakeMs(now);
    if (this.stopAt >= 0) wait = Math.min(wait, this.stopAt - now);
    else wait = Math.min(wait, (this.isProbing ? this.probe.deadline() : this.nextAt) - now);
    return Math.max(0, Math.ceil(wait));
  }

  /** No further probes; what is queued is sent for at most `graceMs`. */
  stop(now: number, graceMs: number): void {
    if (this.stopAt >= 0) return;
    this.stopAt = now + graceMs;
    this.probe.abandon();
    this.isProbing = false;
  }

  private stepProbe(now: number): void {
    if (!this.isProbing && now >= this.nextAt) {
      this.isProbing = true;
      this.probe.begin(now);
      const interval = this.isSettled
        ? this.settings.intervalMs
        : Math.min(EAGER_INTERVAL_MS, this.settings.intervalMs);
      this.nextAt = Math.max(now, this.nextAt) + interval;
    }
    this.probe.step(now);
    if (this.isProbing && !this.probe.isBusy()) this.probed(now);
  }

  private probed(now: number): void {
    this.isProbing = false;
    if (!this.isSettled && this.probe.passes >= NEEDED_PASSES) {
      this.isSettled = true;
      this.nextAt = now + this.settings.intervalMs;
    }
    this.usage.sample(now);
    this.seq++;
    const { settings, probe, usage, boot, seq } = this;
    const { dropped } = this.reporter.queue;
    this.reporter.queue.add(
      reportLine(settings, probe, usage, boot, seq, this.host.wallMs(), dropped),
    );
  }
}
