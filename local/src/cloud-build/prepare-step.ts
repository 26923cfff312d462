/** From a step to the process it starts: in the sandbox, or `docker build` in the image engine. */
import { join } from "node:path";
import type { ImageEngine } from "../container-engine/image-engine.ts";
import type { SandboxedProcess } from "../sandbox/sandbox.ts";
import type { Run } from "./build-machine.ts";
import type { BuildStep } from "./build-record.ts";
import { dockerPaths, parseDockerBuild } from "./docker-build.ts";
import { missingProgram } from "./execute.ts";
import { findStepImage, stepProcessLabel, stepSpec, type StepDirs } from "./step-command.ts";
import { StepRefused } from "./step-refused.ts";

const COMMAND_NOT_FOUND = 127;

/** Throws StepRefused when this machine cannot run the step. */
export async function prepareStep(
  { build, machine }: Run,
  index: number,
  step: BuildStep,
  dirs: StepDirs,
): Promise<() => SandboxedProcess> {
  const image = findStepImage(machine.stepImages, step.name);
  if (image === undefined) throw unavailable(`no local stand-in for the image ${step.name}`);
  if (image.engine !== undefined) {
    const engine = requireEngine(image.engine);
    const { tags, labels, buildArgs, ...asked } = parseDockerBuild(step);
    const paths = await dockerPaths({ tags, labels, buildArgs, ...asked }, step, dirs.workspace);
    const label = stepProcessLabel(build, index);
    const storeDir = engineStore(machine.dir);
    return () => engine.build({ label, storeDir, ...paths, tags, labels, buildArgs });
  }
  const spec = stepSpec(build, index, image, dirs, machine.limits);
  const missing = await missingProgram(machine.sandbox, spec, image.requires ?? []);
  if (missing !== undefined) {
    throw unavailable(`${missing} is not installed on this machine, which builds ${step.name}`);
  }
  return () => machine.sandbox.spawn(spec);
}

/** Where the engine keeps the images of this build. */
export function engineStore(buildDir: string): string {
  return join(buildDir, "engine");
}

/** Throws StepRefused saying what to install. */
export function requireEngine(engine: ImageEngine): ImageEngine {
  const missing = engine.unavailable();
  if (missing !== null) throw unavailable(missing);
  return engine;
}

function unavailable(why: string): StepRefused {
  return new StepRefused(`runtime-unavailable: ${why}`, COMMAND_NOT_FOUND);
}
