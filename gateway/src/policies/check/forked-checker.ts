/** Checks each candidate in a process of its own, because nothing inside a process ends a C function of Lua. */
import { type ChildProcess, fork } from "node:child_process";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { HelperProgram } from "../../workers/helper-program.ts";
import type { Candidate, CheckResult, PolicyChecker } from "../policy-checker.ts";
import type { CheckPhase } from "./check-options.ts";
import type { FromCheck, ToCheck } from "./check-messages.ts";

export interface CheckDeadlines {
  /** Until the process can take a candidate. */
  readonly startMs: number;
  /** For all of a check: tests may take 5 s, and a replay is short. */
  readonly checkMs: number;
}

const DEFAULT_CHECK_DEADLINES: CheckDeadlines = { startMs: 30_000, checkMs: 20_000 };

export interface ForkedCheckerOptions {
  readonly program: HelperProgram;
  readonly timers: Timers;
  readonly deadlines?: CheckDeadlines;
}

export class ForkedChecker implements PolicyChecker {
  private readonly options: ForkedCheckerOptions;

  constructor(options: ForkedCheckerOptions) {
    this.options = options;
  }

  check(candidate: Candidate): Promise<CheckResult> {
    return new CheckRun(this.options, candidate).done;
  }
}

const DOING: Readonly<Record<CheckPhase, string>> = {
  load: "it was loaded",
  tests: "its unit tests ran",
  canary: "recorded requests were replayed",
};

class CheckRun {
  readonly done: Promise<CheckResult>;
  private readonly candidate: Candidate;
  private readonly child: ChildProcess;
  private readonly deadlines: CheckDeadlines;
  private readonly timers: Timers;
  private deadline: Timer;
  private phase: CheckPhase | null = null;
  private result: CheckResult | null = null;
  private isOverdue = false;

  constructor(
    { program, timers, deadlines = DEFAULT_CHECK_DEADLINES }: ForkedCheckerOptions,
    candidate: Candidate,
  ) {
    this.candidate = candidate;
    this.timers = timers;
    this.deadlines = deadlines;
    const { script, nodeArguments, environment } = program;
    this.child = fork(script, [], {
      execArgv: [...nodeArguments],
      env: environment,
      serialization: "advanced",
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.deadline = this.killAfter(deadlines.startMs);
    this.child.on("message", (message: FromCheck) => this.heard(message));
    this.done = this.end();
  }

  private heard(message: FromCheck): void {
    switch (message.kind) {
      case "up": {
        this.deadline.cancel();
        this.deadline = this.killAfter(this.deadlines.checkMs);
        const check: ToCheck = { kind: "check", candidate: this.candidate };
        // A process that is gone says so by its exit.
        this.child.send(check, () => undefined);
        return;
      }
      case "phase":
        this.phase = message.phase;
        return;
      case "result":
        this.result = message.result;
    }
  }

  private killAfter(ms: number): Timer {
    return this.timers.after(ms, () => {
      this.isOverdue = true;
      this.child.kill("SIGKILL");
    });
  }

  private end(): Promise<CheckResult> {
    return new Promise((resolve, reject) => {
      this.child.once("error", (error) => {
        this.deadline.cancel();
        reject(new BifrostError("internal", `A check cannot be started: ${error.message}`));
      });
      this.child.once("close", (code: number | null, signal: string | null) => {
        this.deadline.cancel();
        if (this.result !== null) resolve(this.result);
        else if (this.phase !== null)
          resolve({ passed: false, report: [this.failure(this.phase, signal ?? code)] });
        else
          reject(
            new BifrostError("internal", `A check ended with ${signal ?? code} before it began.`),
          );
      });
    });
  }

  private failure(phase: CheckPhase, how: string | number | null): string {
    const { name, version } = this.candidate.script;
    const what = `version ${version} of ${name}`;
    if (!this.isOverdue)
      return `${what} ended the process that checked it (${how}) while ${DOING[phase]}`;
    return `${what} held its check up for ${this.deadlines.checkMs} ms while ${DOING[phase]}, and could not be interrupted: its process was killed`;
  }
}
