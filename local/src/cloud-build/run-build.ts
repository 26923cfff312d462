/** Runs one build: fetch and unpack the source, then each step in order, then push its images. */
import { constants, createReadStream } from "node:fs";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { messageOf } from "@bifrost/shared/domain/errors";
import { removeTree } from "../container-engine/remove-tree.ts";
import { unpackArchive } from "../artifact-registry/unpack-archive.ts";
import type { ExitReport, SandboxedProcess } from "../sandbox/sandbox.ts";
import { type BuildEnd, type BuildMachine, type Run, stoppedBy } from "./build-machine.ts";
import type { BuildRecord, BuildStep } from "./build-record.ts";
import { execute } from "./execute.ts";
import type { LogStream } from "./log-stream.ts";
import { prepareStep } from "./prepare-step.ts";
import { pushImages } from "./push-images.ts";
import { stepLabel, type StepDirs } from "./step-command.ts";
import { StepRefused } from "./step-refused.ts";

const MAX_SOURCE_BYTES = 4 * 1024 ** 3;
const MAX_SOURCE_ENTRIES = 500_000;
/** Cloud Build keeps the first 4 KB of a step's output. */
const MAX_OUTPUT_BYTES = 4096;

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
  return (await pushImages(run)) ?? { status: "SUCCESS" };
}

async function prepareDirs(machine: BuildMachine): Promise<StepDirs> {
  await removeTree(machine.dir);
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
  let spawn: () => SandboxedProcess;
  try {
    spawn = await prepareStep(run, index, step, dirs);
  } catch (error) {
    if (error instanceof StepRefused) return fail(error.message, error.exitCode);
    throw error;
  }
  const { report, isLate } = await execute(run, spawn, label, step.timeoutMs);
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
