/** Stand-in for Cloud Scheduler: gRPC for the stock client, HTTP targets with OIDC. */
import { join } from "node:path";
import type { UntypedServiceImplementation } from "@grpc/grpc-js";
import type { RunningStandIn, StandInOptions } from "../stand-in.ts";
import { page, serveGrpc, unary } from "../serving/grpc-service.ts";
import { DEFAULT_DEADLINE_SECONDS, checkJob, jobOf, jobProto } from "./job.ts";
import type { Job, JobProto } from "./job.ts";
import { JobRunner } from "./job-runner.ts";

export interface DeclaredJob {
  readonly id: string;
  /** Five fields of unix cron. */
  readonly schedule: string;
  readonly timeZone: string;
  readonly url: string;
  /** Service (e-mail) whose ID token goes along; the audience is the URL. */
  readonly serviceAccount: string;
  /** Sent as application/json. */
  readonly body?: string;
  /** Also run once when the stand-in starts. */
  readonly runOnStart?: boolean;
}

export interface SchedulerOptions extends StandInOptions {
  readonly projectId: string;
  readonly location: string;
  /** Created, or brought up to date, at every start. */
  readonly jobs: readonly DeclaredJob[];
  readonly idToken: (serviceAccount: string, audience: string) => Promise<string>;
}

export interface RunningScheduler extends RunningStandIn {
  /** Runs a job of this location now, by its id; resolves when the attempt has ended. */
  runJob(id: string): Promise<void>;
}

interface ByName {
  readonly name: string;
}

export async function startScheduler(options: SchedulerOptions): Promise<RunningScheduler> {
  const { dataDir, projectId, location, timers, log, idToken } = options;
  const path = dataDir === undefined ? undefined : join(dataDir, "jobs.json");
  const runner = new JobRunner({ path, timers, log, idToken });
  const parent = `projects/${projectId}/locations/${location}`;
  const nameOf = (id: string): string => `${parent}/jobs/${id}`;
  for (const job of options.jobs) runner.declare(checkJob(declared(job, nameOf(job.id))));
  const server = await serveGrpc({
    protos: "@google-cloud/scheduler/build/protos/protos.json",
    port: options.port,
    services: { "google.cloud.scheduler.v1.CloudScheduler": methods(runner, options) },
  });
  for (const { id, runOnStart } of options.jobs) if (runOnStart) void runner.run(nameOf(id));
  return {
    product: "scheduler",
    host: "127.0.0.1",
    port: server.port,
    runJob: (id) => runner.run(nameOf(id)),
    info: () => ({
      jobs: Object.fromEntries(runner.names().map((name) => [idOf(name), factsOf(runner, name)])),
    }),
    async stop() {
      runner.stop();
      await server.stop();
    },
  };
}

function declared(job: DeclaredJob, name: string): Job {
  const { schedule, timeZone, url, serviceAccount, body = "{}" } = job;
  return {
    name,
    schedule,
    timeZone,
    url,
    serviceAccount,
    body,
    method: "POST",
    headers: { "content-type": "application/json" },
    attemptDeadlineSeconds: DEFAULT_DEADLINE_SECONDS,
    paused: false,
  };
}

/** UpdateJob and everything else are UNIMPLEMENTED. */
function methods(runner: JobRunner, { log }: SchedulerOptions): UntypedServiceImplementation {
  const shown = (name: string): object => {
    const { job, lastAttemptMs, nextMs } = runner.get(name);
    return jobProto(job, { lastAttemptMs, nextMs });
  };
  return {
    CreateJob: unary(log, ({ job }: { readonly job: JobProto }) => {
      const created = jobOf(job);
      runner.create(created);
      return shown(created.name);
    }),
    GetJob: unary(log, ({ name }: ByName) => shown(name)),
    ListJobs: unary(log, (request: { parent: string; pageSize: number; pageToken: string }) => {
      const names = runner.names().filter((name) => name.startsWith(`${request.parent}/jobs/`));
      const { items, nextPageToken } = page(
        names.map((name) => ({ name })),
        request,
      );
      return { jobs: items.map(({ name }) => shown(name)), nextPageToken };
    }),
    DeleteJob: unary(log, ({ name }: ByName) => runner.delete(name)),
    RunJob: unary(log, ({ name }: ByName) => {
      const job = shown(name);
      void runner.run(name);
      return job;
    }),
    PauseJob: unary(log, ({ name }: ByName) => {
      runner.setPaused(name, true);
      return shown(name);
    }),
    ResumeJob: unary(log, ({ name }: ByName) => {
      runner.setPaused(name, false);
      return shown(name);
    }),
  };
}

function factsOf(runner: JobRunner, name: string): object {
  const { job, nextMs, succeeded, failed } = runner.get(name);
  const next = nextMs === undefined ? null : new Date(nextMs).toISOString();
  return { schedule: job.schedule, paused: job.paused, next, succeeded, failed };
}

function idOf(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}
