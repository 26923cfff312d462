/** A CreateBuild request as a record, with everything this stand-in does not do refused by name. */
import * as v from "valibot";
import type { BuildRecord, BuildStep } from "./build-record.ts";
import { invalid, unimplemented } from "./grpc-error.ts";
import { substitute } from "./substitute.ts";

const MAX_STEPS = 300;
const MAX_TAGS = 64;
const MAX_IMAGES = 100;
/** Does not start like an option; the engine judges the rest. */
const IMAGE = /^[A-Za-z0-9$][^\s\0]{0,511}$/;
const TAG = /^[\w][\w.-]{0,127}$/;
const DEFAULT_TIMEOUT_MS = 600_000;
const MAX_TIMEOUT_MS = 24 * 3_600_000;
/** Unsupported fields of a step or a build; each must be empty. */
const REFUSED_STEP = ["waitFor", "secretEnv", "volumes", "allowExitCodes"];
const REFUSED_BUILD = ["artifacts", "secrets", "availableSecrets", "dependencies"];
const REFUSED_OPTIONS = ["secretEnv", "volumes", "workerPool", "pool"];

const strings = v.array(v.pipe(v.string(), v.maxLength(64 * 1024)));
const duration = v.nullish(v.object({ seconds: v.string(), nanos: v.number() }));
const step = v.object({
  id: v.string(),
  name: v.pipe(v.string(), v.minLength(1, "a step needs the name of its image")),
  entrypoint: v.string(),
  args: strings,
  script: v.string(),
  dir: v.string(),
  env: strings,
  timeout: duration,
  allowFailure: v.boolean(),
});
const request = v.object({
  source: v.object({
    storageSource: v.object({
      bucket: v.pipe(v.string(), v.minLength(1)),
      object: v.pipe(v.string(), v.minLength(1)),
      generation: v.string(),
    }),
  }),
  steps: v.pipe(v.array(step), v.minLength(1), v.maxLength(MAX_STEPS)),
  timeout: duration,
  images: v.pipe(
    v.array(v.pipe(v.string(), v.regex(IMAGE, "no image reference"))),
    v.maxLength(MAX_IMAGES),
  ),
  tags: v.pipe(v.array(v.pipe(v.string(), v.regex(TAG))), v.maxLength(MAX_TAGS)),
  substitutions: v.record(v.pipe(v.string(), v.regex(/^_[A-Z0-9_]+$/)), v.string()),
  options: v.nullish(v.object({ env: strings })),
});

export interface BuildOrigin {
  readonly id: string;
  readonly projectId: string;
  readonly topic: string;
  readonly now: number;
}

/** Throws INVALID_ARGUMENT or UNIMPLEMENTED naming the field. */
export function parseBuild(wire: unknown, origin: BuildOrigin): BuildRecord {
  refuseUnsupported(wire);
  const parsed = v.safeParse(request, wire);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw invalid(`build.${v.getDotPath(issue) ?? ""}: ${issue.message}`);
  }
  const { output } = parsed;
  const values = { BUILD_ID: origin.id, PROJECT_ID: origin.projectId, ...output.substitutions };
  return {
    id: origin.id,
    projectId: origin.projectId,
    createdAt: origin.now,
    source: output.source.storageSource,
    steps: output.steps.map((entry) => parseStep(entry, values)),
    timeoutMs: durationMs(output.timeout) ?? DEFAULT_TIMEOUT_MS,
    images: output.images.map((name) => substitute(name, values)),
    tags: output.tags,
    substitutions: output.substitutions,
    env: (output.options?.env ?? []).map((pair) => checkEnv(substitute(pair, values))),
    topic: origin.topic,
    status: "QUEUED",
    statusDetail: "",
    failure: null,
    startedAt: null,
    finishedAt: null,
    outputs: [],
    pushed: [],
    runs: 0,
    cancelRequested: false,
    unpublished: [],
  };
}

function parseStep(
  entry: v.InferOutput<typeof step>,
  values: Readonly<Record<string, string>>,
): BuildStep {
  const apply = (text: string) => substitute(text, values);
  if (entry.script !== "" && (entry.entrypoint !== "" || entry.args.length > 0)) {
    throw invalid(`step "${entry.id || entry.name}" has both a script and entrypoint or args`);
  }
  return {
    id: entry.id,
    name: apply(entry.name),
    entrypoint: apply(entry.entrypoint),
    args: entry.args.map(apply),
    script: entry.script, // scripts see no substitutions, as in Cloud Build
    dir: checkDir(apply(entry.dir)),
    env: entry.env.map((pair) => checkEnv(apply(pair))),
    timeoutMs: durationMs(entry.timeout),
    allowFailure: entry.allowFailure,
    status: "QUEUED",
    startedAt: null,
    finishedAt: null,
    exitCode: 0,
  };
}

function refuseUnsupported(wire: unknown): void {
  const build = (wire ?? {}) as Record<string, unknown>;
  refuse(build, REFUSED_BUILD, "build");
  refuse((build["options"] ?? {}) as Record<string, unknown>, REFUSED_OPTIONS, "build.options");
  for (const entry of (build["steps"] ?? []) as Record<string, unknown>[]) {
    refuse(entry, REFUSED_STEP, "build.steps");
    if (/kaniko/.test(String(entry["name"]))) throw unimplemented("the kaniko builder");
  }
  const kinds = Object.entries((build["source"] ?? {}) as Record<string, unknown>);
  for (const [kind, value] of kinds) {
    const isOther = kind !== "storageSource" && kind !== "source" && value !== null;
    if (isOther) throw unimplemented(`build.source.${kind}`);
  }
}

function refuse(fields: Record<string, unknown>, names: readonly string[], where: string): void {
  for (const name of names) {
    const value = fields[name] ?? "";
    const isEmpty = value === "" || (Array.isArray(value) && value.length === 0);
    if (!isEmpty) throw unimplemented(`${where}.${name}`);
  }
}

function durationMs(value: v.InferOutput<typeof duration>): number | null {
  const ms = Number(value?.seconds ?? 0) * 1000 + Math.floor((value?.nanos ?? 0) / 1_000_000);
  if (ms < 0 || ms > MAX_TIMEOUT_MS) throw invalid("a timeout may be between 0s and 86400s");
  return ms === 0 ? null : ms;
}

function checkEnv(pair: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]*=[^\0]*$/.test(pair)) return pair;
  throw invalid(`environment entry "${pair.slice(0, 60)}" is not NAME=VALUE`);
}

/** A directory below the workspace; absolute paths are refused as none outside it is writable. */
function checkDir(dir: string): string {
  const isInside = !dir.startsWith("/") || dir === "/workspace" || dir.startsWith("/workspace/");
  if (isInside && !dir.split("/").includes("..") && !dir.includes("\0")) return dir;
  throw invalid(`dir "${dir.slice(0, 100)}" is outside /workspace`);
}
