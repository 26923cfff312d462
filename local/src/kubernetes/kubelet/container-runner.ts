/** One container of a pod: prepare, run, probe, report, restart with back-off, until it is told to stop. */
import type { V1Container } from "@kubernetes/client-node";
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Timers } from "@bifrost/shared/domain/time";
import type { ExitReport, SandboxedProcess } from "../../sandbox/sandbox.ts";
import { pause } from "./pause.ts";
import { kubeTime } from "../objects/object.ts";
import type { ContainerState, ContainerStatus } from "../objects/object.ts";
import { ConfigError } from "./container-env.ts";
import { LogTail, readLines } from "./pod-logs.ts";
import { runProbe } from "./prober.ts";
import type { ProbeTarget } from "./prober.ts";
import { FORGIVEN_AFTER_MS, restartDelayMs } from "./restart-delay.ts";

export interface ContainerHost {
  readonly timers: Timers;
  readonly restartPolicy: string;
  readonly target: ProbeTarget;
  /** Fetches the image and starts the process. Throws ImageError or ConfigError while it cannot. */
  launch(container: V1Container): Promise<{ process: SandboxedProcess; imageID: string }>;
  onLines(container: string, stream: "stdout" | "stderr", lines: readonly string[]): void;
  /** Called after every change of the status. */
  onChange(): void;
}

/** The image cannot be had (yet). */
export class ImageError extends Error {}

const MESSAGE_BYTES = 2048;
const REASONS = { completed: "Completed", error: "Error", "oom-killed": "OOMKilled" } as const;

export class ContainerRunner {
  readonly container: V1Container;
  readonly #host: ContainerHost;
  readonly #stopping = new AbortController();
  #tail = new LogTail();
  #previousTail: LogTail | undefined;
  #process: SandboxedProcess | undefined;
  #done: Promise<void> = Promise.resolve();
  #crashes = 0;
  #status: ContainerStatus;

  constructor(container: V1Container, host: ContainerHost, restartCount: number) {
    this.container = container;
    this.#host = host;
    this.#status = {
      name: container.name,
      image: container.image ?? "",
      imageID: "",
      ready: false,
      started: false,
      restartCount,
      state: { waiting: { reason: "ContainerCreating" } },
      lastState: {},
    };
  }

  get status(): ContainerStatus {
    return this.#status;
  }

  get process(): SandboxedProcess | undefined {
    return this.#process;
  }

  start(): void {
    this.#done = this.#run();
  }

  /** SIGTERM, then SIGKILL after `graceMs`; resolves when nothing of it runs any more. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    await this.#end(graceMs);
    await this.#done;
  }

  logText(previous: boolean, tailLines: number | undefined): string | undefined {
    return (previous ? this.#previousTail : this.#tail)?.text(tailLines);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let failures = 0;
    while (!signal.aborted) {
      try {
        const { process, imageID } = await this.#host.launch(this.container);
        failures = 0;
        this.#set({ imageID });
        if (!(await this.#runOnce(process))) return;
      } catch (error) {
        failures += 1;
        this.#set({ state: waitingOf(error, failures), ready: false, started: false });
        await pause(this.#host.timers, restartDelayMs(failures), signal);
      }
    }
  }

  /** One life of the process; true when another should follow. */
  async #runOnce(process: SandboxedProcess): Promise<boolean> {
    const { timers } = this.#host;
    this.#process = process;
    const outputs = [this.#capture(process, "stdout"), this.#capture(process, "stderr")];
    const startedAt = timers.now();
    const probes = new AbortController();
    const isStarted = this.container.startupProbe === undefined;
    this.#set({
      state: { running: { startedAt: kubeTime(startedAt) } },
      started: isStarted,
      ready: isStarted && this.container.readinessProbe === undefined,
    });
    this.#probe(probes.signal);
    if (this.#stopping.signal.aborted) await process.kill();
    const report = await process.exited;
    probes.abort();
    await Promise.all(outputs);
    this.#process = undefined;
    const terminated = this.#terminated(report, startedAt);
    this.#set({ state: terminated, ready: false, started: false });
    if (this.#stopping.signal.aborted || !this.#restarts(report)) return false;
    this.#crashes = timers.now() - startedAt >= FORGIVEN_AFTER_MS ? 1 : this.#crashes + 1;
    await this.#waitToRestart(terminated, report);
    return true;
  }

  async #waitToRestart(last: ContainerState, report: ExitReport): Promise<void> {
    const delayMs = restartDelayMs(this.#crashes);
    const message = `back-off ${delayMs / 1000}s restarting failed container ${this.container.name} (exit code ${report.exitCode})`;
    this.#set({
      state: { waiting: { reason: "CrashLoopBackOff", message } },
      lastState: last,
    });
    await pause(this.#host.timers, delayMs, this.#stopping.signal);
    if (this.#stopping.signal.aborted) {
      this.#set({ state: last });
      return;
    }
    this.#previousTail = this.#tail;
    this.#tail = new LogTail();
    this.#set({ restartCount: this.#status.restartCount + 1 });
  }

  #restarts(report: ExitReport): boolean {
    const policy = this.container.restartPolicy ?? this.#host.restartPolicy;
    return policy === "Always" || (policy === "OnFailure" && report.exitCode !== 0);
  }

  #terminated(report: ExitReport, startedAt: number): ContainerState {
    const message = report.exitCode === 0 ? "" : this.#tail.last(MESSAGE_BYTES);
    return {
      terminated: {
        exitCode: report.exitCode,
        reason: REASONS[report.reason],
        ...(message === "" ? {} : { message }),
        startedAt: kubeTime(startedAt),
        finishedAt: kubeTime(this.#host.timers.now()),
      },
    };
  }

  #capture(process: SandboxedProcess, stream: "stdout" | "stderr"): Promise<void> {
    const tail = this.#tail;
    return readLines(process[stream], (lines) => {
      tail.add(lines);
      this.#host.onLines(this.container.name, stream, lines);
    });
  }

  #probe(signal: AbortSignal): void {
    const { startupProbe } = this.container;
    if (startupProbe === undefined) return this.#probeStarted(signal);
    const startup = new AbortController();
    signal.addEventListener("abort", () => startup.abort(), { once: true });
    void this.#watch(startupProbe, startup.signal, (isPassing) => {
      startup.abort();
      if (!isPassing) return this.#restartForProbe();
      this.#set({ started: true, ready: this.container.readinessProbe === undefined });
      return this.#probeStarted(signal);
    });
  }

  #probeStarted(signal: AbortSignal): void {
    const { readinessProbe, livenessProbe } = this.container;
    if (readinessProbe !== undefined) {
      void this.#watch(readinessProbe, signal, (isPassing) => this.#set({ ready: isPassing }));
    }
    if (livenessProbe !== undefined) {
      void this.#watch(livenessProbe, signal, (isPassing) => {
        if (!isPassing) this.#restartForProbe();
      });
    }
  }

  #watch(
    probe: NonNullable<V1Container["livenessProbe"]>,
    signal: AbortSignal,
    onVerdict: (isPassing: boolean) => void,
  ): Promise<void> {
    return runProbe(probe, this.#host.target, { onVerdict }, this.#host.timers, signal);
  }

  #restartForProbe(): void {
    void this.#end(2000);
  }

  async #end(graceMs: number): Promise<void> {
    const process = this.#process;
    if (process === undefined) return;
    process.signal("SIGTERM");
    const timer = this.#host.timers.after(graceMs, () => void process.kill());
    await process.exited;
    timer.cancel();
  }

  #set(change: Partial<ContainerStatus>): void {
    this.#status = { ...this.#status, ...change };
    this.#host.onChange();
  }
}

function waitingOf(error: unknown, failures: number): ContainerState {
  const message = messageOf(error);
  if (error instanceof ConfigError)
    return { waiting: { reason: "CreateContainerConfigError", message } };
  if (!(error instanceof ImageError))
    return { waiting: { reason: "CreateContainerError", message } };
  const reason = failures > 1 ? "ImagePullBackOff" : "ErrImagePull";
  return { waiting: { reason, message } };
}
