/** A `docker build` step as an order for the image engine; every other use of docker is refused by name. */
import { lstat, realpath } from "node:fs/promises";
import { join, posix } from "node:path";
import { parseArgs } from "node:util";
import { messageOf } from "@bifrost/shared/domain/errors";
import type { ImageBuildOrder } from "../container-engine/image-engine.ts";
import type { BuildStep } from "./build-record.ts";
import { StepRefused } from "./step-refused.ts";

const OPTIONS = {
  file: { type: "string", short: "f" },
  tag: { type: "string", short: "t", multiple: true },
  label: { type: "string", multiple: true },
  "build-arg": { type: "string", multiple: true },
} as const;
const NAMES = Object.keys(OPTIONS).map((name) => `--${name}`);
const ALLOWED = `docker build [${NAMES.join("|")}]… DIRECTORY`;

export interface DockerBuild {
  /** Below the step's directory. */
  readonly context: string;
  readonly dockerfile: string | null;
  readonly tags: readonly string[];
  readonly labels: readonly string[];
  readonly buildArgs: readonly string[];
}

/** Throws StepRefused naming what it does not do. */
export function parseDockerBuild(step: BuildStep): DockerBuild {
  const { values, positionals } = parseOptions(argumentsOfBuild(step));
  const { file = null, tag = [], label = [], "build-arg": buildArgs = [] } = values;
  const [context, ...others] = positionals;
  if (context === undefined || context === "-" || context.includes("://") || others.length > 0) {
    throw new StepRefused(`docker build needs one directory: ${ALLOWED}`);
  }
  return { context, dockerfile: file, tags: tag, labels: label, buildArgs };
}

function argumentsOfBuild({ script, entrypoint, args: [command = "", ...args] }: BuildStep) {
  const isDocker = entrypoint === "" || entrypoint === "docker";
  if (script === "" && isDocker && command === "build") return args;
  const what = script === "" ? `${isDocker ? "docker" : entrypoint} ${command}`.trim() : "script";
  throw new StepRefused(`a docker step's "${what}" is not implemented here: ${ALLOWED} is`);
}

function parseOptions(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new StepRefused(`${messageOf(error)}; this stand-in does ${ALLOWED}`);
  }
}

type Paths = Pick<ImageBuildOrder, "contextDir" | "dockerfile">;

/** Host paths with every link followed. Throws StepRefused for one that is missing or outside the workspace. */
export async function dockerPaths(
  build: DockerBuild,
  step: BuildStep,
  workspace: string,
): Promise<Paths> {
  const root = await realpath(workspace);
  const inside = async (path: string, what: string): Promise<string> => {
    const below = posix.relative("/workspace", posix.resolve("/workspace", step.dir, path));
    const found = await realpath(join(root, below)).catch(() => undefined);
    if (found === root || found?.startsWith(`${root}/`) === true) return found;
    const why = found === undefined ? "does not exist" : "is outside the repository";
    throw new StepRefused(`the ${what} "${path.slice(0, 200)}" ${why}`);
  };
  const contextDir = await inside(build.context, "directory");
  const file = build.dockerfile ?? posix.join(build.context, "Dockerfile");
  const dockerfile = await inside(file, "Dockerfile");
  if (!(await lstat(contextDir)).isDirectory()) {
    throw new StepRefused(`"${build.context.slice(0, 200)}" is not a directory`);
  }
  if (!(await lstat(dockerfile)).isFile()) {
    throw new StepRefused(`the Dockerfile "${file.slice(0, 200)}" is not a file`);
  }
  return { contextDir, dockerfile };
}
