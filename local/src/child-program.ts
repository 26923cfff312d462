/** A Node program of the platform as a child process: its log goes to a file, it ends with its parent, a crash restarts it. */
import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { createInterface } from "node:readline";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";

export interface ChildProgramOptions {
  readonly name: string;
  readonly script: string;
  readonly nodeArguments?: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  readonly timers: Timers;
  readonly log: Logger;
}

export interface ChildProgram {
  /** Resolves when the program has first said `"ready":true`; rejects when it ends before. */
  readonly ready: Promise<void>;
  pid(): number | undefined;
  stop(): Promise<void>;
}

const RESTART_DELAY_MS = 500;
const STOP_GRACE_MS = 8_000;

export function startChildProgram(options: ChildProgramOptions): ChildProgram {
  const sink = createWriteStream(options.logFile, { flags: "a", mode: 0o600 });
  let child: ChildProcess | null = null;
  let stopping = false;
  let markReady: () => void = () => {};
  let markFailed: (error: Error) => void = () => {};
  let lastLine = "";
  const ready = new Promise<void>((resolve, reject) => {
    markReady = resolve;
    markFailed = reject;
  });

  function launch(): void {
    // Its standard input is a pipe that closes when this process ends, however it ends: the program then ends too.
    child = spawn(process.execPath, [...(options.nodeArguments ?? []), options.script], {
      env: { ...options.env, BIFROST_EXIT_WITH_STDIN: "1" },
      stdio: ["pipe", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr]) {
      if (stream === null) continue;
      createInterface({ input: stream }).on("line", (line) => {
        sink.write(`${line}\n`);
        lastLine = line;
        if (line.includes('"ready":true')) markReady();
      });
    }
    child.once("error", markFailed);
    child.once("exit", (code, signal) => {
      child = null;
      markFailed(new Error(`${options.name} ended with ${signal ?? code}: ${lastLine}`));
      if (stopping) return;
      options.log.error("program ended unexpectedly", { program: options.name, code, signal });
      options.timers.after(RESTART_DELAY_MS, launch);
    });
  }
  launch();

  return {
    ready,
    pid: () => child?.pid,
    async stop() {
      stopping = true;
      const current = child;
      if (current !== null) {
        const ended = new Promise<void>((resolve) => current.once("exit", () => resolve()));
        current.kill("SIGTERM");
        const timer = options.timers.after(STOP_GRACE_MS, () => current.kill("SIGKILL"));
        await ended;
        timer.cancel();
      }
      await new Promise<void>((resolve) => sink.end(resolve));
    },
  };
}
