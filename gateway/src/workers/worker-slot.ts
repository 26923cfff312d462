/** One position among the workers: keeps it filled. */
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import { isCrashLoop, recentEnds, restartDelayMs } from "./restart-delay.ts";
import type { WorkerEnd, WorkerProcess } from "./worker-process.ts";

export interface SlotDeps {
  readonly timers: Timers;
  readonly log: Logger;
  /** Forks a worker and tells it all it needs to listen. */
  readonly launch: () => WorkerProcess;
  /** One ended that should not have; called before its successor is launched. */
  readonly onLost: (worker: WorkerProcess, end: WorkerEnd) => void;
}

/** What a worker gets beyond its grace to write its last lines. */
const LAST_LINES_MS = 1000;

export class WorkerSlot {
  current: WorkerProcess;
  /** Those that still end what is under way. */
  private readonly leaving = new Set<WorkerProcess>();
  /** What is to take the place of the present one, until it listens. */
  private next: WorkerProcess | null = null;
  private readonly deps: SlotDeps;
  private ends: readonly number[] = [];
  private isStopping = false;
  private relaunch: Timer | null = null;

  constructor(deps: SlotDeps) {
    this.deps = deps;
    this.current = this.launch();
  }

  get isInLoop(): boolean {
    return isCrashLoop(this.ends, this.deps.timers.now());
  }

  /** Every process of this position: each is to be fed and watched. */
  get workers(): ReadonlySet<WorkerProcess> {
    const workers = new Set(this.leaving).add(this.current);
    return this.next === null ? workers : workers.add(this.next);
  }

  /**
   * Puts a new worker in the place of the present one, which then drains. Rejects, and changes nothing, when the new one
   * does not start. To be called again only when it has ended.
   */
  async replace(graceMs: number): Promise<void> {
    if (this.isStopping) return;
    const next = this.deps.launch();
    this.next = next;
    try {
      await next.listening;
    } finally {
      this.next = null;
    }
    if (this.isStopping) return;
    // The present one may have been lost meanwhile, and its successor be on its way: this is the successor.
    this.relaunch?.cancel();
    const former = this.current;
    this.current = next;
    this.watch(next);
    await this.drain(former, graceMs);
  }

  /** Resolves when no process is left. Called again, the shorter grace counts. */
  async stop(graceMs: number): Promise<void> {
    this.isStopping = true;
    this.relaunch?.cancel();
    await Promise.all([...this.workers].map((worker) => this.drain(worker, graceMs)));
  }

  private launch(): WorkerProcess {
    const worker = this.deps.launch();
    this.watch(worker);
    return worker;
  }

  private watch(worker: WorkerProcess): void {
    void worker.ended.then((end) => this.ended(worker, end));
  }

  private async drain(worker: WorkerProcess, graceMs: number): Promise<void> {
    this.leaving.add(worker);
    // One that does not listen yet has nothing to end, and may not hear what it is told.
    if (worker.isListening) worker.send({ kind: "drain", graceMs });
    else worker.kill();
    const timer = this.deps.timers.after(graceMs + LAST_LINES_MS, () => worker.kill());
    await worker.ended;
    timer.cancel();
    this.leaving.delete(worker);
  }

  private ended(worker: WorkerProcess, end: WorkerEnd): void {
    if (worker !== this.current || this.leaving.has(worker) || this.isStopping) return;
    const { timers, log } = this.deps;
    const now = timers.now();
    this.ends = [...recentEnds(this.ends, now), now];
    const delayMs = restartDelayMs(this.ends, now);
    const { code, signal } = end;
    log.error("worker ended", { pid: worker.pid, code, signal, stuck: end.stuck, delayMs });
    if (this.isInLoop) log.error("workers end again and again", { ends: this.ends.length });
    this.deps.onLost(worker, end);
    this.relaunch = timers.after(delayMs, () => this.start());
  }

  private start(): void {
    this.current = this.launch();
    const { log } = this.deps;
    this.current.listening.then(
      () => log.info("worker serves again", { pid: this.current.pid }),
      (error: unknown) => log.error("worker did not start", { error: messageOf(error) }),
    );
  }
}
