/** Runs one build: fetch and unpack the source, then each step in the sandbox, in order. */
import { constants, createReadStream } from "node:fs";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Timers } from "@bifrost/shared/domain/time";
import { unpackArchive } from "../artifact-registry/unpack-archive.ts";
import type { ExitReport, Sandbox, SandboxSpec } from "../sandbox/sandbox.ts";
import type { BuildRecord, BuildStep, FailureInfo, StorageSource } from "./build-record.ts";
import type { LogStream } from "./log-stream.ts";
import {
  findStepImage,
  stepLabel,
  stepSpec,
  type StepDirs,
  type StepImage,
  type StepLimits,
} from "./step-command.ts";

const MAX_SOURCE_BYTES = 4 * 1024 ** 3;
const MAX_SOURCE_ENTRIES = 500_000;
/** Cloud Build keeps the first 4 KB of a step's output. */
const MAX_OUTPUT_BYTES = 4096;
const COMMAND_NOT_FOUND = 127;

export interface BuildMachine {
  readonly sandbox: Sandbox;
  readonly timers: Timers;
  /** A stream of the tar.gz or the path of a file. */
  readonly fetchSource: (source: StorageSource) => Promise<Readable | string>;
  readonly stepImages: Readonly<Record<string, StepImage>>;
  readonly stripSourceComponents: number;
  readonly limits: StepLimits;
  /** Directory for this build alone. */
  readonly dir: string;
  readonly cacheDir: string;
}

export type BuildEnd =
  | { readonly status: "SUCCESS" }
  | { readonly status: "FAILURE"; readonly failure: FailureInfo }
  | { readonly status: "TIMEOUT" | "CANCELLED"; readonly detail: string };

/** Why a running build is told to stop. */
export type StopReason = "cancelled" | "timeout";

interface Run {
  readonly build: BuildRecord;
  readonly machine: BuildMachine;
  readonly log: LogStream;
  readonly stop: AbortSignal;
}

/** Ends with the build's outcome; all its processes are gone by then. Throws only for a defect. */
export async function runBuild(
  build: BuildRecord,
  machine: BuildMachine,
  log: LogStream,
  stop: AbortSignal,
): Promise<BuildEnd> {
  const run: Run = { build, machine, log, stop };
  const dirs = await prepareDirs(machine);
  try {
    await unpackSource(run, dirs.workspace);
  } catch (error) {
    if (stop.aborted) return stoppedBy(stop);
    const detail = `the source could not be fetched: ${messageOf(error)}`;
    log.line("FETCHSOURCE", `ERROR: ${detail}`, "ERROR");
    return { status: "FAILURE", failure: { type: "FETCH_SOURCE_FAILED", detail } };
  }
  for (const [index, step] of build.steps.entries()) {
    if (stop.aborted) return stoppedBy(stop);
    const end = await runStep(run, index, step, dirs);
    if (end !== undefined) return end;
  }
  return { status: "SUCCESS" };
}

function stoppedBy(stop: AbortSignal): BuildEnd {
  if (stop.reason === "timeout") return { status: "TIMEOUT", detail: "the build timed out" };
  return { status: "CANCELLED", detail: "the build was cancelled" };
}

async function prepareDirs(machine: BuildMachine): Promise<StepDirs> {
  await rm(machine.dir, { recursive: true, force: true });
  const dirs = {
    workspace: join(machine.dir, "workspace"),
    output: join(machine.dir, "outputs"),
    home: join(machine.dir, "home"),
    cache: machine.cacheDir,
  };
  for (const dir of Object.values(dirs)) await mkdir(dir, { recursive: true });
  return dirs;
}

async function unpackSource({ build, machine, stop }: Run, root: string): Promise<void> {
  const source = await machine.fetchSource(build.source);
  const archive = createGunzip();
  const input = typeof source === "string" ? createReadStream(source) : source;
  const reading = pipeline(input, archive, { signal: stop });
  const unpacking = unpackArchive(archive, {
    root,
    maxBytes: MAX_SOURCE_BYTES,
    maxEntries: MAX_SOURCE_ENTRIES,
    stripComponents: machine.stripSourceComponents,
  });
  const results = await Promise.allSettled([reading, unpacking]);
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

/** The build's end when this step decides it, else undefined. */
async function runStep(
  run: Run,
  index: number,
  step: BuildStep,
  dirs: StepDirs,
): Promise<BuildEnd | undefined> {
  const { build, machine, log, stop } = run;
  const label = stepLabel(step, index);
  step.startedAt = machine.timers.now();
  step.status = "WORKING";
  const fail = (detail: string, exitCode: number): BuildEnd | undefined => {
    step.status = "FAILURE";
    step.exitCode = exitCode;
    step.finishedAt = machine.timers.now();
    log.line(label, `ERROR: ${detail}`, "ERROR");
    if (step.allowFailure) return undefined;
    return { status: "FAILURE", failure: { type: "USER_BUILD_STEP", detail } };
  };
  const image = findStepImage(machine.stepImages, step.name);
  if (image === undefined) {
    return fail(
      `runtime-unavailable: no local stand-in for the image ${step.name}`,
      COMMAND_NOT_FOUND,
    );
  }
  const spec = stepSpec(build, index, image, dirs, machine.limits);
  const missing = await missingProgram(machine.sandbox, spec, image.requires ?? []);
  if (missing !== undefined) {
    const how = `${missing} is not installed on this machine, which builds ${step.name}`;
    return fail(`runtime-unavailable: ${how}`, COMMAND_NOT_FOUND);
  }
  const { report, isLate } = await execute(run, spec, label, step.timeoutMs);
  build.outputs[index] = await takeOutput(dirs.output);
  step.finishedAt = machine.timers.now();
  step.exitCode = report.exitCode;
  if (stop.aborted) {
    step.status = stop.reason === "timeout" ? "TIMEOUT" : "CANCELLED";
    return stoppedBy(stop);
  }
  if (isLate) {
    step.status = "TIMEOUT";
    return { status: "TIMEOUT", detail: `${label} exceeded its ${step.timeoutMs} ms` };
  }
  if (report.exitCode !== 0) return fail(exitDetail(label, report), report.exitCode);
  step.status = "SUCCESS";
  return undefined;
}

function exitDetail(label: string, report: ExitReport): string {
  if (report.reason === "oom-killed") return `${label} was killed: out of memory`;
  return `build step failed: ${label} exited with ${report.exitCode}`;
}

async function execute(
  { machine, log, stop }: Run,
  spec: SandboxSpec,
  label: string,
  timeoutMs: number | null,
): Promise<{ report: ExitReport; isLate: boolean }> {
  const child = machine.sandbox.spawn(spec);
  let isLate = false;
  const kill = () => void child.kill();
  const late =
    timeoutMs === null
      ? undefined
      : machine.timers.after(timeoutMs, () => {
          isLate = true;
          kill();
        });
  stop.addEventListener("abort", kill, { once: true });
  if (stop.aborted) kill();
  try {
    const [report] = await Promise.all([
      child.exited,
      log.copy(label, child.stdout),
      log.copy(label, child.stderr),
    ]);
    return { report, isLate };
  } finally {
    late?.cancel();
    stop.removeEventListener("abort", kill);
    await child.kill(); // what a step left running ends with it
  }
}

async function missingProgram(
  sandbox: Sandbox,
  spec: SandboxSpec,
  programs: readonly string[],
): Promise<string | undefined> {
  for (const [index, program] of programs.entries()) {
    const argv = ["/bin/sh", "-c", 'command -v "$1" >/dev/null', "sh", program];
    const probe = sandbox.spawn({
      ...spec,
      label: `${spec.label}-p${index}`,
      argv,
      cwd: "/workspace",
    });
    probe.stdout.resume();
    probe.stderr.resume();
    const { exitCode } = await probe.exited;
    if (exitCode !== 0) return program;
  }
  return undefined;
}

/** What the step wrote to `$BUILDER_OUTPUT/output`, base64; the file is removed for the next step. */
async function takeOutput(dir: string): Promise<string> {
  const path = join(dir, "output");
  const bytes = await readStart(path).catch(() => Buffer.alloc(0));
  await rm(path, { recursive: true, force: true });
  return bytes.toString("base64");
}

/** First bytes of a plain file; links and pipes that a build may leave there are not followed. */
async function readStart(path: string): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) return Buffer.alloc(0);
    const buffer = Buffer.alloc(MAX_OUTPUT_BYTES);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
