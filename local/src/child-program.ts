/** A Node program of the platform as a child process: its log goes to a file, it ends with its parent, a crash restarts it. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import { fileSink } from "./file-sink.ts";

export interface ChildProgramOptions {
  readonly name: string;
  readonly script: string;
  readonly nodeArguments?: readonly string[];
  /** The whole environment; asked for at each start. */
  readonly env: () => Readonly<Record<string, string>>;
  readonly logFile: string;
  readonly timers: Timers;
  readonly log: Logger;
}

const RESTART_DELAY_MS = 500;
const STOP_GRACE_MS = 8_000;
/** What a program writes, as a field of one log line, once it can be reached. */
const READY_MARK = '"ready":true';

export class ChildProgram {
  /** Resolves when the program has first said that it is ready; rejects when it ends before. */
  readonly ready: Promise<void>;
  readonly #options: ChildProgramOptions;
  readonly #write: (line: string) => void;
  #child: ChildProcess | null = null;
  #stopping = false;

  constructor(options: ChildProgramOptions) {
    this.#options = options;
    this.#write = fileSink(options.logFile);
    this.ready = new Promise((resolve, reject) => {
      this.#launch(resolve, reject);
    });
    this.ready.catch(() => {}); // whoever waits for it sees the error; a stop before that is none
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  #launch(onReady: () => void, onEnd: (error: Error) => void): void {
    const { name, script, nodeArguments = [], env, log, timers } = this.#options;
    let lastLine = "";
    // Its standard input is a pipe that closes when this process ends, however it ends: the program then ends too.
    const child = spawn(process.execPath, [...nodeArguments, script], {
      env: { ...env(), BIFROST_EXIT_WITH_STDIN: "1" },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        this.#write(`${line}\n`);
        lastLine = line;
        if (line.includes(READY_MARK)) onReady();
      });
    }
    child.once("error", onEnd);
    child.once("exit", (code, signal) => {
      this.#child = null;
      onEnd(new Error(`${name} ended with ${signal ?? code}: ${lastLine}`));
      if (this.#stopping) return;
      log.error("program ended unexpectedly", { program: name, code, signal });
      timers.after(RESTART_DELAY_MS, () => {
        if (!this.#stopping) this.#launch(onReady, onEnd);
      });
    });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#child;
    if (child === null) return;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill("SIGTERM");
    const timer = this.#options.timers.after(STOP_GRACE_MS, () => child.kill("SIGKILL"));
    await ended;
    timer.cancel();
  }
}
