/** One forked worker as its parent sees it. */
import cluster, { type Worker } from "node:cluster";
import type { Readable } from "node:stream";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Clock } from "@bifrost/shared/domain/time";
import type { Answers, FromWorker, ToWorker } from "./messages.ts";
import type { PlaneGauges, PlaneReport } from "./plane.ts";
import { readAccusation, type StuckScript } from "./sentinel.ts";

/** How a worker's program is started. */
export interface WorkerProgram {
  readonly script: string;
  readonly nodeArguments: readonly string[];
  /** Names in the environment that it does not inherit. */
  readonly hiddenVariables?: readonly string[];
}

export interface WorkerEnd {
  readonly code: number | null;
  readonly signal: string | null;
  /** The script that held it up, if its sentinel killed it. */
  readonly stuck: StuckScript | null;
}

export interface WorkerEvents {
  /** It can be told what to do; called once. */
  readonly onUp: (worker: WorkerProcess) => void;
  /** Whether this is where it was to listen; elsewhere nobody would find it. */
  readonly isExpectedAt: (port: number) => boolean;
  readonly onReport: (report: PlaneReport) => void;
  /** Whatever is not an answer, a report or a state. */
  readonly onMessage: (worker: WorkerProcess, message: FromWorker) => void;
}

/** Descriptor on which a worker's sentinel names a script that does not return. */
const ACCUSATION_PIPE = 4;

export class WorkerProcess {
  /** Resolves with the port; rejects when it ends before. */
  readonly listening: Promise<number>;
  readonly ended: Promise<WorkerEnd>;
  isListening = false;
  private isUp = false;
  /** When it was last heard of. */
  heardAt: number;
  gauges: PlaneGauges | null = null;
  private readonly worker: Worker;
  private readonly clock: Clock;
  private readonly events: WorkerEvents;
  private readonly questions = new Map<number, (answer: unknown) => void>();
  private asked = 0;
  private failure: BifrostError | null = null;

  constructor(program: WorkerProgram, clock: Clock, events: WorkerEvents) {
    this.clock = clock;
    this.events = events;
    this.heardAt = clock.now();
    this.worker = forkWorker(program);
    this.ended = this.end();
    this.listening = new Promise((resolve, reject) => {
      this.worker.on("message", (message: FromWorker) => this.heard(message, resolve));
      void this.ended.then((end) => reject(this.notStarted(end)));
    });
    this.listening.catch(() => {}); // who waits for it sees it
    this.worker.on("error", () => undefined); // a message to one that just ended
  }

  /** Of the process, among all that this parent ever started. */
  get number(): number {
    return this.worker.id;
  }

  get pid(): number {
    return this.worker.process.pid ?? 0;
  }

  /** Does nothing before it is up, and when it has ended. */
  send(message: ToWorker): void {
    if (this.isUp && this.worker.isConnected()) this.worker.send(message, () => undefined);
  }

  /** null when it ends before it answers. */
  ask<What extends keyof Answers>(what: What): Promise<Answers[What] | null> {
    const id = ++this.asked;
    const answered = new Promise<unknown>((resolve) => this.questions.set(id, resolve));
    this.send({ kind: "ask", id, what });
    const gone = this.ended.then(() => null);
    return Promise.race([answered, gone]).finally(() => this.questions.delete(id)) as Promise<
      Answers[What] | null
    >;
  }

  kill(): void {
    this.worker.process.kill("SIGKILL");
  }

  private heard(message: FromWorker, listening: (port: number) => void): void {
    this.heardAt = this.clock.now();
    if (message.kind === "up") {
      this.isUp = true;
      this.events.onUp(this);
    } else if (message.kind === "listening") {
      if (!this.events.isExpectedAt(message.port)) return this.isMisplaced(message.port);
      this.isListening = true;
      listening(message.port);
    } else if (message.kind === "failed") {
      const code = message.code === "port-taken" ? "port-taken" : "internal";
      this.failure = new BifrostError(code, message.message);
    } else if (message.kind === "report") {
      this.gauges = message.report.gauges;
      this.events.onReport(message.report);
    } else if (message.kind === "answer") {
      this.questions.get(message.id)?.(message.answer);
    } else if (message.kind !== "beat") {
      this.events.onMessage(this, message);
    }
  }

  private isMisplaced(port: number): void {
    this.failure = new BifrostError("internal", `A worker listened on ${port}, where nobody asks.`);
    this.kill();
  }

  /** Resolves when the process is gone and all it wrote on its pipe is read. */
  private end(): Promise<WorkerEnd> {
    let written = "";
    const pipe = this.worker.process.stdio[ACCUSATION_PIPE] as Readable;
    pipe.on("data", (data: Buffer) => (written += data.toString()));
    pipe.on("error", () => undefined);
    return new Promise((resolve) => {
      this.worker.process.once("close", (code: number | null, signal: string | null) => {
        this.isListening = false;
        resolve({ code, signal, stuck: readAccusation(written) });
      });
    });
  }

  private notStarted({ code, signal }: WorkerEnd): BifrostError {
    const how = signal ?? code ?? "no code";
    return (
      this.failure ?? new BifrostError("internal", `A worker ended with ${how} as it started.`)
    );
  }
}

function forkWorker({ script, nodeArguments, hiddenVariables = [] }: WorkerProgram): Worker {
  // A worker that hangs accepts nothing: each one takes connections off the shared socket itself.
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({
    exec: script,
    args: [],
    execArgv: [...nodeArguments],
    serialization: "advanced",
    stdio: ["ignore", "inherit", "inherit", "ipc", "pipe"],
  });
  return cluster.fork(Object.fromEntries(hiddenVariables.map((name) => [name, undefined])));
}
