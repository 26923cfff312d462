/** The process that runs alert rules as its parent sees it: fed, watched and replaced when it ends. */
import { type ChildProcess, fork } from "node:child_process";
import type { Readable } from "node:stream";
import type { PolicyScript } from "@bifrost/shared/domain/policy";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { HelperProgram } from "../workers/helper-program.ts";
import { type PolicyFault, type PolicyLogLine, scriptKey } from "../workers/policy-runtime.ts";
import { recentEnds, restartDelayMs } from "../workers/restart-delay.ts";
import { DEFAULT_SENTINEL_LIMITS, readAccusation } from "../workers/sentinel.ts";
import type { AlertSample, FromAlerts, RuleVerdict, ToAlerts } from "./alert-messages.ts";

/** As the process knows it: see run-alert-rules.ts. */
const ACCUSATION_PIPE = 4;
/** For one batch; the sentinel, who can name the rule, is to be faster by far. */
const BATCH_MS = 30_000;

export interface AlertProcessOptions {
  readonly program: HelperProgram;
  readonly timers: Timers;
  readonly log: Logger;
  readonly onFault: (fault: PolicyFault) => void;
  readonly onLog: (line: PolicyLogLine) => void;
  /** How long a rule may hold the process up. */
  readonly heldMs?: number;
}

interface Batch {
  readonly id: number;
  readonly samples: readonly AlertSample[];
  readonly done: (verdicts: readonly RuleVerdict[]) => void;
  readonly deadline: Timer;
}

export class AlertProcess {
  /** Calls of rules that failed. */
  errors = 0;
  restarts = 0;
  private readonly options: AlertProcessOptions;
  private child: ChildProcess | null = null;
  private isUp = false;
  private isStopped = false;
  private rules: readonly PolicyScript[] = [];
  /** Those that held the process up. */
  private readonly stuck = new Set<string>();
  private batch: Batch | null = null;
  private nextId = 1;
  private ends: readonly number[] = [];
  private restart: Timer | null = null;

  constructor(options: AlertProcessOptions) {
    this.options = options;
  }

  get pid(): number | null {
    return this.child?.pid ?? null;
  }

  /** One that held the process up comes back only after it was out of service. */
  setRules(rules: readonly PolicyScript[]): void {
    this.rules = rules;
    const wanted = new Set(rules.map(scriptKey));
    for (const key of this.stuck) if (!wanted.has(key)) this.stuck.delete(key);
    this.sendRules();
  }

  /**
   * One batch at a time; the first one starts the process, if there are rules. Answers nothing when the process ended over
   * it: those samples are not judged.
   */
  run(samples: readonly AlertSample[]): Promise<readonly RuleVerdict[]> {
    if (this.child === null && this.restart === null && this.rules.length > 0) this.start();
    if (this.child === null || this.isStopped) return Promise.resolve([]);
    const id = this.nextId++;
    return new Promise((done) => {
      const deadline = this.options.timers.after(BATCH_MS, () => this.child?.kill("SIGKILL"));
      this.batch = { id, samples, done, deadline };
      if (this.isUp) this.send({ kind: "samples", id, samples });
    });
  }

  stop(): void {
    this.isStopped = true;
    this.restart?.cancel();
    this.child?.kill("SIGKILL");
  }

  private start(): void {
    this.restart = null;
    if (this.isStopped) return;
    const { program, heldMs = DEFAULT_SENTINEL_LIMITS.heldMs } = this.options;
    const child = fork(program.script, [String(heldMs)], {
      execArgv: [...program.nodeArguments],
      env: program.environment,
      serialization: "advanced",
      stdio: ["ignore", "inherit", "inherit", "ipc", "pipe"],
    });
    this.child = child;
    child.on("message", (message: FromAlerts) => this.heard(message));
    let written = "";
    const pipe = child.stdio[ACCUSATION_PIPE] as Readable;
    pipe.on("data", (data: Buffer) => (written += data.toString()));
    pipe.on("error", () => undefined);
    child.on("error", (error) => {
      this.options.log.error("alert rules cannot be run", { error: error.message });
    });
    child.once("close", (code: number | null, signal: string | null) => {
      this.ended(written, signal ?? code);
    });
  }

  private heard(message: FromAlerts): void {
    switch (message.kind) {
      case "up": {
        this.isUp = true;
        this.sendRules();
        const { batch } = this;
        if (batch !== null) this.send({ kind: "samples", id: batch.id, samples: batch.samples });
        return;
      }
      case "verdicts":
        this.errors += message.errors;
        if (this.batch?.id === message.id) this.finish(message.verdicts);
        return;
      case "fault":
        this.options.onFault(message.fault);
        return;
      case "log":
        this.options.onLog(message.line);
    }
  }

  private ended(written: string, how: string | number | null): void {
    const { log, timers } = this.options;
    this.child = null;
    this.isUp = false;
    this.finish([]);
    if (this.isStopped) return;
    this.restarts++;
    const stuck = readAccusation(written);
    if (stuck === null) log.error("process of alert rules ended", { how });
    else this.disable(stuck);
    this.ends = [...recentEnds(this.ends, timers.now()), timers.now()];
    this.restart = timers.after(restartDelayMs(this.ends, timers.now()), () => this.start());
  }

  private disable(stuck: { name: string; version: number; heldMs: number }): void {
    const { name: script, version, heldMs } = stuck;
    this.stuck.add(scriptKey(stuck));
    const message = `It ran for more than ${heldMs} ms and could not be interrupted; its process was killed and the rule is disabled.`;
    this.options.log.error("alert rule held its process up and is disabled", { script, version });
    this.options.onFault({ kind: "stuck", script, version, line: null, message, stack: null });
  }

  private finish(verdicts: readonly RuleVerdict[]): void {
    const { batch } = this;
    this.batch = null;
    batch?.deadline.cancel();
    batch?.done(verdicts);
  }

  private sendRules(): void {
    if (!this.isUp) return;
    const rules = this.rules.filter((rule) => !this.stuck.has(scriptKey(rule)));
    this.send({ kind: "rules", rules });
  }

  private send(message: ToAlerts): void {
    // A process that is gone says so by its exit.
    this.child?.send(message, () => undefined);
  }
}
