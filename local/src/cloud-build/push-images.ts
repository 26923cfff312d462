/** Pushes the build's `images` once its steps have succeeded, as Cloud Build does. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isDigest } from "../artifact-registry/digest.ts";
import { type BuildEnd, type Run, stoppedBy } from "./build-machine.ts";
import { execute } from "./execute.ts";
import { engineStore } from "./prepare-step.ts";
import { findStepImage } from "./step-command.ts";

const LABEL = "PUSH";

/** The build's end when a push decides it, else undefined. */
export async function pushImages(run: Run): Promise<BuildEnd | undefined> {
  const { build, machine, log, stop } = run;
  const fail = (detail: string): BuildEnd => {
    log.line(LABEL, `ERROR: ${detail}`, "ERROR");
    return { status: "FAILURE", failure: { type: "PUSH_FAILED", detail } };
  };
  const engine = build.steps
    .map((step) => findStepImage(machine.stepImages, step.name)?.engine)
    .find((found) => found !== undefined);
  for (const [index, image] of build.images.entries()) {
    if (stop.aborted) return stoppedBy(stop);
    if (engine === undefined) return fail(`no step of this build made the image ${image}`);
    log.line(LABEL, `Pushing ${image}`);
    const digestFile = join(machine.dir, `digest-${index}`);
    const label = `push-${build.id.slice(0, 8)}-${build.runs}-${index}`;
    const order = { label, storeDir: engineStore(machine.dir), image, digestFile };
    const { report } = await execute(run, () => engine.push(order), LABEL, null);
    if (stop.aborted) return stoppedBy(stop);
    if (report.exitCode !== 0) return fail(`the image ${image} could not be pushed`);
    const digest = (await readFile(digestFile, "utf8")).trim();
    if (!isDigest(digest)) return fail(`the push of ${image} ended without a digest`);
    build.pushed = [...build.pushed, { name: image, digest }];
  }
  return undefined;
}
