/** One gossip process as its parent sees it. */
import { type ChildProcess, fork } from "node:child_process";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Timers } from "@bifrost/shared/domain/time";
import type { HelperProgram } from "../workers/helper-program.ts";
import type { FromGossip, GossipAnswer, GossipQuestion, ToGossip } from "./messages.ts";

/** For an answer: what is asked of the process itself needs milliseconds, what it asks the others first needs theirs. */
const ANSWER_MS = { status: 2000, traffic: 2000, "rotate-key": 15_000 } as const;

export interface GossipProcessOptions {
  readonly program: HelperProgram;
  readonly timers: Timers;
  /** Whatever is not an answer. */
  readonly onMessage: (message: Exclude<FromGossip, { kind: "answer" }>) => void;
}

export class GossipProcess {
  /** Resolves with its exit code, the signal that ended it, or why it could not be started. */
  readonly ended: Promise<number | string>;
  /** When it was last heard of. */
  heardAt: number;
  isListening = false;
  private readonly options: GossipProcessOptions;
  private readonly child: ChildProcess;
  private readonly questions = new Map<number, (answer: GossipAnswer) => void>();
  private asked = 0;

  constructor(options: GossipProcessOptions) {
    const { program, timers } = options;
    this.options = options;
    this.heardAt = timers.now();
    const child = fork(program.script, [], {
      execArgv: [...program.nodeArguments],
      env: program.environment,
      serialization: "advanced",
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    this.child = child;
    child.on("message", (message: FromGossip) => this.heard(message));
    this.ended = new Promise((resolve) => {
      child.on("error", (error) => resolve(error.message));
      child.once("exit", (code, signal) => resolve(signal ?? code ?? "no code"));
    });
  }

  get pid(): number | null {
    return this.child.pid ?? null;
  }

  send(message: ToGossip): void {
    // A process that is gone says so by its exit.
    if (this.child.connected) this.child.send(message, () => undefined);
  }

  /** Rejects when it refuses, ends, or does not answer in time. */
  async ask(question: GossipQuestion): Promise<Exclude<GossipAnswer, { what: "refused" }>> {
    const id = ++this.asked;
    const answered = new Promise<GossipAnswer>((resolve) => this.questions.set(id, resolve));
    const waited = new AbortController();
    this.send({ kind: "ask", id, question });
    const gone = Promise.race([
      this.ended,
      this.options.timers.sleep(ANSWER_MS[question.what], waited.signal),
    ]).then(() => null);
    const answer = await Promise.race([answered, gone]);
    waited.abort();
    this.questions.delete(id);
    if (answer === null) {
      throw new BifrostError("upstream-unavailable", "The gossip process does not answer.");
    }
    if (answer.what === "refused") throw new BifrostError(answer.code, answer.message);
    return answer;
  }

  kill(): void {
    this.child.kill("SIGKILL");
  }

  private heard(message: FromGossip): void {
    this.heardAt = this.options.timers.now();
    if (message.kind === "listening") this.isListening = true;
    if (message.kind === "answer") this.questions.get(message.id)?.(message.answer);
    else this.options.onMessage(message);
  }
}
