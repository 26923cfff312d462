/** How a step's image, entrypoint and arguments become a command in the sandbox. */
import { posix } from "node:path";
import type { ImageEngine } from "../container-engine/image-engine.ts";
import type { SandboxMount, SandboxSpec } from "../sandbox/sandbox.ts";
import type { BuildRecord, BuildStep } from "./build-record.ts";

/** What stands for an image on this machine. */
export interface StepImage {
  /** The image's own entrypoint, used when a step names none or names the last part of the image's name. */
  readonly argvPrefix?: readonly string[];
  readonly mounts?: readonly SandboxMount[];
  readonly env?: Readonly<Record<string, string>>;
  /** Programs that must exist, or the step fails as `runtime-unavailable`. */
  readonly requires?: readonly string[];
  /** Steps of this image are `docker build` and run here, outside the sandbox; the other fields do not apply. */
  readonly engine?: ImageEngine;
}

export interface StepDirs {
  readonly workspace: string;
  readonly output: string;
  readonly home: string;
  readonly cache: string;
}

export interface StepLimits {
  readonly memoryBytes?: number;
  readonly cpuMillis?: number;
  readonly maxProcesses?: number;
}

/** The mapping with the longest key that the image name starts with. */
export function findStepImage(
  images: Readonly<Record<string, StepImage>>,
  name: string,
): StepImage | undefined {
  const keys = Object.keys(images).filter((key) => name.startsWith(key));
  const best = keys.toSorted((a, b) => b.length - a.length)[0];
  return best === undefined ? undefined : images[best];
}

export function stepSpec(
  build: BuildRecord,
  index: number,
  image: StepImage,
  dirs: StepDirs,
  limits: StepLimits,
): SandboxSpec {
  const step = build.steps[index] as BuildStep;
  return {
    label: stepProcessLabel(build, index),
    argv: argvOf(step, image),
    env: {
      HOME: "/builder/home",
      BUILDER_OUTPUT: "/builder/outputs",
      npm_config_cache: "/cache/npm",
      PIP_CACHE_DIR: "/cache/pip",
      CI: "true",
      ...image.env,
      ...pairs(build.env),
      ...pairs(step.env),
    },
    cwd: posix.resolve("/workspace", step.dir),
    mounts: [
      { source: dirs.workspace, target: "/workspace", writable: true },
      { source: dirs.output, target: "/builder/outputs", writable: true },
      { source: dirs.home, target: "/builder/home", writable: true },
      { source: dirs.cache, target: "/cache", writable: true },
      ...(image.mounts ?? []),
    ],
    ...limits,
  };
}

/** Unique among all steps of all builds, also of a build that runs again. */
export function stepProcessLabel(build: BuildRecord, index: number): string {
  return `build-${build.id.slice(0, 8)}-${build.runs}-${index}`;
}

function argvOf(step: BuildStep, image: StepImage): readonly string[] {
  if (step.script !== "") return ["/bin/sh", "-ec", step.script];
  const own = step.name
    .replace(/@.*$/, "")
    .replace(/:[^/]*$/, "")
    .split("/")
    .at(-1);
  const isOwn = step.entrypoint === "" || step.entrypoint === own;
  if (isOwn && image.argvPrefix !== undefined) return [...image.argvPrefix, ...step.args];
  return step.entrypoint === "" ? step.args : [step.entrypoint, ...step.args];
}

function pairs(entries: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    entries.map((entry) => {
      const split = entry.indexOf("=");
      return [entry.slice(0, split), entry.slice(split + 1)];
    }),
  );
}

/** `Step #0 - "install"`, as Cloud Build labels log lines. */
export function stepLabel(step: BuildStep, index: number): string {
  return step.id === "" ? `Step #${index}` : `Step #${index} - "${step.id}"`;
}
