/** All builds: accepts, queues, runs at most so many at once, cancels, and takes up again after a crash. */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { status } from "@grpc/grpc-js";
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import { removeTree } from "../container-engine/remove-tree.ts";
import type { BuildEnd, BuildMachine, StopReason } from "./build-machine.ts";
import { isFinal, type BuildRecord } from "./build-record.ts";
import type { BuildStore } from "./build-store.ts";
import { GrpcError } from "./grpc-error.ts";
import { LogStream, type WriteLog } from "./log-stream.ts";
import type { Notices } from "./notices.ts";
import { parseBuild } from "./parse-build.ts";
import { runBuild } from "./run-build.ts";

export interface BuildsOptions {
  readonly projectId: string;
  readonly topic: string;
  readonly machine: Omit<BuildMachine, "dir">;
  /** Each build works in a directory of its own below this one. */
  readonly workDir: string;
  readonly writeLog: WriteLog;
  readonly maxConcurrent: number;
  readonly timers: Timers;
  readonly log: Logger;
}

interface Running {
  readonly stop: (reason: StopReason | "shutdown") => void;
  readonly ended: Promise<void>;
}

export class Builds {
  readonly #options: BuildsOptions;
  readonly #store: BuildStore;
  readonly #notices: Notices;
  readonly #running = new Map<string, Running>();
  #queue: BuildRecord[] = [];
  #isStopping = false;

  constructor(options: BuildsOptions, store: BuildStore, notices: Notices) {
    this.#options = options;
    this.#store = store;
    this.#notices = notices;
  }

  /** Takes up what an earlier process left: unpublished notices, waiting and interrupted builds. */
  resume(): void {
    for (const build of this.#store.list().toReversed()) {
      this.#notices.drain(build);
      if (!isFinal(build.status)) this.#queue.push(build);
    }
    this.#startNext();
  }

  /** Durable and visible to `list` when it resolves. Throws GrpcError. */
  async create(wire: unknown): Promise<BuildRecord> {
    const { projectId, topic, timers } = this.#options;
    const build = parseBuild(wire, { id: randomUUID(), projectId, topic, now: timers.now() });
    await this.#notices.record(build);
    this.#queue.push(build);
    this.#startNext();
    return build;
  }

  /** Throws NOT_FOUND. */
  get(id: string): BuildRecord {
    const build = this.#store.get(id);
    if (build !== undefined) return build;
    throw new GrpcError(status.NOT_FOUND, `no build ${id.slice(0, 64)}`);
  }

  list(): BuildRecord[] {
    return this.#store.list();
  }

  /** Resolves with the ended build when none of its processes is left. Throws FAILED_PRECONDITION if it had ended. */
  async cancel(id: string): Promise<BuildRecord> {
    const build = this.get(id);
    if (isFinal(build.status)) {
      throw new GrpcError(status.FAILED_PRECONDITION, `build ${id} has ended: ${build.status}`);
    }
    build.cancelRequested = true;
    await this.#store.save(build);
    const running = this.#running.get(id);
    if (running === undefined) {
      this.#queue = this.#queue.filter((entry) => entry !== build);
      await this.#finish(build, { status: "CANCELLED", detail: "the build was cancelled" });
    } else {
      running.stop("cancelled");
      await running.ended;
    }
    return build;
  }

  counts(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const build of this.#store.list()) counts[build.status] = (counts[build.status] ?? 0) + 1;
    return counts;
  }

  /** Ends all processes; the builds stay as they are on disk and are taken up by the next process. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    for (const running of this.#running.values()) running.stop("shutdown");
    await Promise.all([...this.#running.values()].map((running) => running.ended));
  }

  #startNext(): void {
    while (!this.#isStopping && this.#running.size < this.#options.maxConcurrent) {
      const build = this.#queue.shift();
      if (build === undefined) return;
      const controller = new AbortController();
      const ended = this.#run(build, controller).catch((error: unknown) => {
        this.#options.log.error("build could not be recorded", {
          buildId: build.id,
          error: messageOf(error),
        });
      });
      const done = ended.finally(() => {
        this.#running.delete(build.id);
        this.#startNext();
      });
      this.#running.set(build.id, { stop: (reason) => controller.abort(reason), ended: done });
    }
  }

  async #run(build: BuildRecord, controller: AbortController): Promise<void> {
    const { timers, writeLog, log, machine, workDir } = this.#options;
    if (build.cancelRequested) {
      return this.#finish(build, { status: "CANCELLED", detail: "the build was cancelled" });
    }
    await this.#begin(build);
    const lines = new LogStream(build, writeLog, timers, log);
    lines.line("", `starting build "${build.id}"`);
    const dir = join(workDir, build.id);
    const timeout = timers.after(build.timeoutMs, () => controller.abort("timeout"));
    const end = await runBuild(build, { ...machine, dir }, lines, controller.signal).catch(
      (error: unknown) => {
        log.error("build failed inside", { buildId: build.id, error: messageOf(error) });
        return { status: "INTERNAL_ERROR", detail: messageOf(error) } as const;
      },
    );
    timeout.cancel();
    if (controller.signal.reason === "shutdown") return lines.flush();
    lines.line("", lastLine(end), severityOf(end));
    await lines.flush();
    await removeTree(dir);
    return this.#finish(build, end);
  }

  async #begin(build: BuildRecord): Promise<void> {
    const isFirst = build.status === "QUEUED";
    build.runs += 1;
    build.status = "WORKING";
    build.startedAt ??= this.#options.timers.now();
    build.outputs = build.steps.map(() => "");
    build.pushed = [];
    for (const step of build.steps) {
      Object.assign(step, { status: "QUEUED", startedAt: null, finishedAt: null, exitCode: 0 });
    }
    await (isFirst ? this.#notices.record(build) : this.#store.save(build));
  }

  async #finish(build: BuildRecord, end: BuildEnd | InternalEnd): Promise<void> {
    build.status = end.status;
    build.statusDetail = end.status === "SUCCESS" ? "" : describeEnd(end);
    build.failure = end.status === "FAILURE" ? end.failure : null;
    build.finishedAt = this.#options.timers.now();
    await this.#notices.record(build);
  }
}

interface InternalEnd {
  readonly status: "INTERNAL_ERROR";
  readonly detail: string;
}

function describeEnd(end: Exclude<BuildEnd | InternalEnd, { status: "SUCCESS" }>): string {
  return end.status === "FAILURE" ? end.failure.detail : end.detail;
}

/** A failing step has said its own error already; every other end is told here. */
function lastLine(end: BuildEnd | InternalEnd): string {
  if (end.status === "SUCCESS") return "DONE";
  return end.status === "FAILURE" ? "FAILED" : `ERROR: ${describeEnd(end)}`;
}

function severityOf(end: BuildEnd | InternalEnd): "INFO" | "ERROR" {
  return end.status === "SUCCESS" ? "INFO" : "ERROR";
}
