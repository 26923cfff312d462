/** A build as the API shows it: as a gRPC message and as the JSON of a notice. */
import type { BuildRecord, BuildStep } from "./build-record.ts";

/** The fields once; the functions write times and bytes the way the target wants them. */
function view<T>(
  build: BuildRecord,
  stamp: (ms: number) => T,
  duration: (ms: number) => unknown,
  output: (base64: string) => unknown,
) {
  const at = (name: string, ms: number | null) => (ms === null ? {} : { [name]: stamp(ms) });
  const span = (start: number | null, end: number | null) => ({
    ...at("startTime", start),
    ...at("endTime", end),
  });
  const step = (entry: BuildStep) => ({
    id: entry.id,
    name: entry.name,
    entrypoint: entry.entrypoint,
    args: entry.args,
    script: entry.script,
    dir: entry.dir,
    env: entry.env,
    status: entry.status,
    exitCode: entry.exitCode,
    allowFailure: entry.allowFailure,
    ...(entry.timeoutMs === null ? {} : { timeout: duration(entry.timeoutMs) }),
    timing: span(entry.startedAt, entry.finishedAt),
  });
  return {
    id: build.id,
    name: `projects/${build.projectId}/locations/global/builds/${build.id}`,
    projectId: build.projectId,
    status: build.status,
    statusDetail: build.statusDetail,
    source: { storageSource: build.source },
    steps: build.steps.map(step),
    images: build.images,
    results: { images: build.pushed, buildStepOutputs: build.outputs.map(output) },
    createTime: stamp(build.createdAt),
    ...at("startTime", build.startedAt),
    ...at("finishTime", build.finishedAt),
    timeout: duration(build.timeoutMs),
    tags: build.tags,
    substitutions: build.substitutions,
    options: { env: build.env, logging: "CLOUD_LOGGING_ONLY" },
    ...(build.failure === null ? {} : { failureInfo: build.failure }),
    timing: { BUILD: span(build.startedAt, build.finishedAt) },
  };
}

export function wireBuild(build: BuildRecord): object {
  return view(build, protoTime, protoTime, (base64) => Buffer.from(base64, "base64"));
}

/** proto3 JSON, as Cloud Build puts it into a notice. */
export function jsonBuild(build: BuildRecord): object {
  return {
    ...view(build, jsonTime, jsonDuration, (base64) => base64),
    options: { env: build.env, logging: "CLOUD_LOGGING_ONLY", pubsubTopic: build.topic },
  };
}

/** Timestamp and Duration have the same fields. */
function protoTime(ms: number): { seconds: string; nanos: number } {
  return { seconds: String(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1_000_000 };
}

function jsonTime(ms: number): string {
  return new Date(ms).toISOString();
}

function jsonDuration(ms: number): string {
  return `${ms / 1000}s`;
}
