/** Embedded Cloud Build: really runs the steps of a build, each in the sandbox, behind the real gRPC service. */
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { ServerCredentials } from "@grpc/grpc-js";
import { removeTree } from "../container-engine/remove-tree.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import type { RunningStandIn, StandInOptions } from "../stand-in.ts";
import type { StorageSource } from "./build-record.ts";
import { BuildStore } from "./build-store.ts";
import { Builds } from "./builds.ts";
import { createGrpcServer } from "./grpc-service.ts";
import type { WriteLog } from "./log-stream.ts";
import { Notices, type PublishNotice } from "./notices.ts";
import type { StepImage, StepLimits } from "./step-command.ts";

export type { StepImage };

export interface CloudBuildOptions extends StandInOptions {
  readonly projectId: string;
  readonly sandbox: Sandbox;
  /** The source archive (tar.gz) as a stream or as the path of a file. */
  readonly fetchSource: (source: StorageSource) => Promise<Readable | string>;
  /** What stands for a builder image, by prefix of its name; the longest prefix wins. */
  readonly stepImages: Readonly<Record<string, StepImage>>;
  readonly writeLog: WriteLog;
  readonly publishNotice: PublishNotice;
  /** Full name of the topic of notices; Cloud Build's default `cloud-builds` of the project when absent. */
  readonly noticeTopic?: string;
  /** Builds at once; the number of CPU cores when absent. */
  readonly maxConcurrent?: number;
  /** Package caches, shared by all builds and mounted at /cache. */
  readonly cacheDir: string;
  /** Leading directories of the source archive to drop; 1 when absent, as archives of a git host have one. */
  readonly stripSourceComponents?: number;
  /** Limits of each step. */
  readonly limits?: StepLimits;
}

export async function startCloudBuild(options: CloudBuildOptions): Promise<RunningStandIn> {
  const dir = options.dataDir ?? (await mkdtemp(join(tmpdir(), "bifrost-build-")));
  const { projectId, timers, log } = options;
  const store = await BuildStore.open(join(dir, "builds"), log);
  const notices = new Notices(store, options.publishNotice, timers, log);
  const workDir = join(dir, "work");
  await emptyDirectory(workDir);
  const builds = new Builds(
    {
      projectId,
      topic: options.noticeTopic ?? `projects/${projectId}/topics/cloud-builds`,
      machine: {
        sandbox: options.sandbox,
        timers,
        fetchSource: options.fetchSource,
        stepImages: options.stepImages,
        stripSourceComponents: options.stripSourceComponents ?? 1,
        limits: options.limits ?? {},
        cacheDir: options.cacheDir,
      },
      workDir,
      writeLog: options.writeLog,
      maxConcurrent: options.maxConcurrent ?? availableParallelism(),
      timers,
      log,
    },
    store,
    notices,
  );
  const server = createGrpcServer(builds, projectId, log);
  const port = await new Promise<number>((resolve, reject) => {
    const address = `127.0.0.1:${options.port ?? 0}`;
    server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  builds.resume();
  return {
    product: "cloud-build",
    host: "127.0.0.1",
    port,
    info: () => ({
      created: store.list().length,
      builds: builds.counts(),
      sandbox: options.sandbox.level,
    }),
    async stop() {
      server.forceShutdown();
      await builds.stop();
      await notices.stop();
      if (options.dataDir === undefined) await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Workspaces of builds that a crash interrupted are worth nothing. */
async function emptyDirectory(dir: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  for (const name of await readdir(dir)) await removeTree(join(dir, name));
}
