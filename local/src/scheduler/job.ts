/** A scheduled job as it is kept, and how it is read from and shown to the API. */
import { status } from "@grpc/grpc-js";
import { Cron } from "croner";
import { messageOf } from "@bifrost/shared/domain/errors";
import { GrpcError } from "../serving/grpc-service.ts";

export interface Job {
  /** `projects/P/locations/L/jobs/ID`. */
  readonly name: string;
  /** Five fields of unix cron. */
  readonly schedule: string;
  readonly timeZone: string;
  readonly url: string;
  readonly method: "POST" | "PUT" | "GET" | "DELETE" | "PATCH" | "HEAD";
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** E-mail whose ID token goes along; absent sends none. */
  readonly serviceAccount?: string;
  readonly audience?: string;
  readonly attemptDeadlineSeconds: number;
  readonly paused: boolean;
}

export interface JobProto {
  readonly name: string;
  readonly schedule: string;
  readonly timeZone: string;
  readonly httpTarget?: {
    readonly uri: string;
    readonly httpMethod?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: Buffer;
    readonly oidcToken?: {
      readonly serviceAccountEmail?: string;
      readonly audience?: string;
    } | null;
    readonly oauthToken?: object | null;
  } | null;
  readonly attemptDeadline?: { readonly seconds?: string | number } | null;
  readonly retryConfig?: { readonly retryCount?: number } | null;
}

/** What the API fills in. */
export const DEFAULT_DEADLINE_SECONDS = 180;
const METHODS: readonly Job["method"][] = ["POST", "PUT", "GET", "DELETE", "PATCH", "HEAD"];
const NAME = /^projects\/[^/]+\/locations\/[^/]+\/jobs\/[A-Za-z0-9_-]{1,500}$/;

/** @throws GrpcError INVALID_ARGUMENT, or UNIMPLEMENTED naming the option */
export function jobOf(proto: JobProto): Job {
  const target = httpTargetOf(proto);
  const deadline = Number(proto.attemptDeadline?.seconds ?? 0);
  return checkJob({
    name: proto.name,
    schedule: proto.schedule,
    timeZone: proto.timeZone || "Etc/UTC",
    url: target.uri,
    method: methodOf(target.httpMethod),
    headers: target.headers ?? {},
    body: target.body?.toString("utf8") ?? "",
    attemptDeadlineSeconds: deadline || DEFAULT_DEADLINE_SECONDS,
    paused: false,
    ...identityOf(target.oidcToken ?? {}),
  });
}

function httpTargetOf({ httpTarget, retryConfig }: JobProto): NonNullable<JobProto["httpTarget"]> {
  if (!httpTarget) throw unimplemented("A job without an HTTP target");
  if (httpTarget.oauthToken) throw unimplemented("oauthToken");
  if ((retryConfig?.retryCount ?? 0) > 0) throw unimplemented("retryConfig.retryCount");
  return httpTarget;
}

function methodOf(given: string | undefined): Job["method"] {
  if (!given || given === "HTTP_METHOD_UNSPECIFIED") return "POST";
  const method = METHODS.find((known) => known === given);
  if (method === undefined) throw unimplemented(`httpMethod ${given}`);
  return method;
}

function identityOf(token: {
  readonly serviceAccountEmail?: string;
  readonly audience?: string;
}): Pick<Job, "serviceAccount" | "audience"> {
  return {
    ...(token.serviceAccountEmail ? { serviceAccount: token.serviceAccountEmail } : {}),
    ...(token.audience ? { audience: token.audience } : {}),
  };
}

/** @throws GrpcError INVALID_ARGUMENT naming the field */
export function checkJob(job: Job): Job {
  if (!NAME.test(job.name)) throw invalid(`Job name ${job.name} is not valid`);
  if (!/^https?:\/\//.test(job.url) || !URL.canParse(job.url)) {
    throw invalid(`${job.url} is not an http or https URL`);
  }
  const { attemptDeadlineSeconds: seconds } = job;
  if (seconds < 15 || seconds > 1800)
    throw invalid(`attempt_deadline ${seconds} is not 15 to 1800`);
  nextRun(job, 0);
  return job;
}

/** The first time after `afterMs`, in milliseconds; undefined when there is none. */
export function nextRun(job: Job, afterMs: number): number | undefined {
  const { schedule, timeZone } = job;
  if (schedule.trim().split(/\s+/).length !== 5) {
    throw invalid(`Schedule "${schedule}" is not unix cron with five fields`);
  }
  try {
    const cron = new Cron(schedule, { timezone: timeZone, paused: true });
    return cron.nextRun(new Date(afterMs))?.getTime();
  } catch (error) {
    throw invalid(`Schedule "${schedule}" in ${timeZone}: ${messageOf(error)}`);
  }
}

export interface JobRuns {
  readonly lastAttemptMs: number | undefined;
  readonly nextMs: number | undefined;
}

/** The API's shape of a job. */
export function jobProto(job: Job, runs: JobRuns): object {
  const oidcToken = job.serviceAccount && {
    serviceAccountEmail: job.serviceAccount,
    audience: job.audience ?? "",
  };
  return {
    name: job.name,
    schedule: job.schedule,
    timeZone: job.timeZone,
    state: job.paused ? "PAUSED" : "ENABLED",
    httpTarget: {
      uri: job.url,
      httpMethod: job.method,
      headers: job.headers,
      body: Buffer.from(job.body),
      oidcToken,
    },
    attemptDeadline: { seconds: String(job.attemptDeadlineSeconds), nanos: 0 },
    lastAttemptTime: timestampOf(runs.lastAttemptMs),
    scheduleTime: timestampOf(runs.nextMs),
  };
}

function timestampOf(ms: number | undefined): object | undefined {
  if (ms === undefined) return undefined;
  return { seconds: String(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1_000_000 };
}

function invalid(message: string): GrpcError {
  return new GrpcError(status.INVALID_ARGUMENT, `${message}.`);
}

function unimplemented(what: string): GrpcError {
  return new GrpcError(status.UNIMPLEMENTED, `${what} is not implemented by this stand-in.`);
}
