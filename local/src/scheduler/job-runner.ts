/** Runs jobs at their times: one timer per job, one attempt per time, never two of a job at once. */
import { status } from "@grpc/grpc-js";
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import { readFileIfPresent, writeFileAtomic } from "../files/atomic-file.ts";
import { GrpcError } from "../serving/grpc-service.ts";
import { post } from "../serving/post.ts";
import { nextRun } from "./job.ts";
import type { Job } from "./job.ts";

export interface RunnerOptions {
  /** Where jobs are kept; absent keeps them in memory. */
  readonly path: string | undefined;
  readonly timers: Timers;
  readonly log: Logger;
  readonly idToken: (serviceAccountEmail: string, audience: string) => Promise<string>;
}

interface Scheduled {
  job: Job;
  timer: Timer | undefined;
  nextMs: number | undefined;
  lastAttemptMs: number | undefined;
  running: boolean;
  succeeded: number;
  failed: number;
}

/** Timers cannot wait longer than 2^31 ms; a longer wait is cut into days. */
const LONGEST_WAIT_MS = 86_400_000;

export class JobRunner {
  readonly #options: RunnerOptions;
  readonly #jobs = new Map<string, Scheduled>();
  readonly #stopping = new AbortController();

  constructor(options: RunnerOptions) {
    this.#options = options;
    const text = options.path === undefined ? undefined : readFileIfPresent(options.path);
    for (const job of JSON.parse(text ?? "[]") as readonly Job[]) this.#add(job);
  }

  names(): string[] {
    return [...this.#jobs.keys()];
  }

  /** @throws GrpcError NOT_FOUND */
  get(name: string): Scheduled {
    const scheduled = this.#jobs.get(name);
    if (scheduled !== undefined) return scheduled;
    throw new GrpcError(status.NOT_FOUND, `Job not found: ${name}.`);
  }

  create(job: Job): void {
    if (this.#jobs.has(job.name)) {
      throw new GrpcError(status.ALREADY_EXISTS, `Job already exists: ${job.name}.`);
    }
    this.#add(job);
    this.#save();
  }

  /** Creates the job or replaces its definition; whether it is paused stays. */
  declare(job: Job): void {
    const known = this.#jobs.get(job.name);
    if (known === undefined) return this.create(job);
    known.job = { ...job, paused: known.job.paused };
    this.#arm(known);
    this.#save();
  }

  setPaused(name: string, paused: boolean): void {
    const scheduled = this.get(name);
    scheduled.job = { ...scheduled.job, paused };
    this.#arm(scheduled);
    this.#save();
  }

  delete(name: string): void {
    this.get(name).timer?.cancel();
    this.#jobs.delete(name);
    this.#save();
  }

  /** Begins one attempt now; resolves when it has ended, whether it succeeded or not. */
  async run(name: string): Promise<void> {
    const scheduled = this.get(name);
    if (scheduled.running) return;
    scheduled.running = true;
    scheduled.lastAttemptMs = this.#options.timers.now();
    const answer = await this.#attempt(scheduled.job);
    scheduled.running = false;
    const ok = typeof answer === "number" && answer >= 200 && answer < 300;
    if (ok) scheduled.succeeded += 1;
    else scheduled.failed += 1;
    if (!ok && !this.#stopping.signal.aborted) {
      this.#options.log.warn("scheduled job failed", { job: name, answer });
    }
  }

  stop(): void {
    this.#stopping.abort();
    for (const { timer } of this.#jobs.values()) timer?.cancel();
  }

  #add(job: Job): void {
    const scheduled: Scheduled = {
      job,
      timer: undefined,
      nextMs: undefined,
      lastAttemptMs: undefined,
      running: false,
      succeeded: 0,
      failed: 0,
    };
    this.#jobs.set(job.name, scheduled);
    this.#arm(scheduled);
  }

  #arm(scheduled: Scheduled): void {
    scheduled.timer?.cancel();
    const { timers } = this.#options;
    const now = timers.now();
    scheduled.nextMs = scheduled.job.paused ? undefined : nextRun(scheduled.job, now);
    if (scheduled.nextMs === undefined) return;
    this.#wait(scheduled, scheduled.nextMs);
  }

  #wait(scheduled: Scheduled, dueMs: number): void {
    const { timers } = this.#options;
    const left = dueMs - timers.now();
    scheduled.timer = timers.after(Math.max(0, Math.min(left, LONGEST_WAIT_MS)), () => {
      if (timers.now() < dueMs) return this.#wait(scheduled, dueMs);
      void this.run(scheduled.job.name);
      this.#arm(scheduled);
    });
  }

  /** The HTTP status, or why there was none. */
  async #attempt(job: Job): Promise<number | string> {
    const { idToken } = this.#options;
    try {
      const headers: Record<string, string> = {
        "user-agent": "Google-Cloud-Scheduler",
        "x-cloudscheduler": "true",
        "x-cloudscheduler-jobname": job.name.slice(job.name.lastIndexOf("/") + 1),
        "content-type": "application/octet-stream",
        ...lowerCased(job.headers),
      };
      if (job.serviceAccount !== undefined) {
        const token = await idToken(job.serviceAccount, job.audience ?? job.url);
        headers["authorization"] = `Bearer ${token}`;
      }
      const { url, body, method } = job;
      const timeoutMs = job.attemptDeadlineSeconds * 1000;
      return await post({ url, headers, body, method, timeoutMs, signal: this.#stopping.signal });
    } catch (error) {
      return messageOf(error);
    }
  }

  #save(): void {
    const { path } = this.#options;
    if (path === undefined) return;
    writeFileAtomic(path, JSON.stringify([...this.#jobs.values()].map(({ job }) => job)));
  }
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
}
