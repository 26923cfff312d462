/** The command line as one checked value. */
import { parseArgs } from "node:util";
import { PackError } from "./pack-error.ts";
import { parseImageReference, type ImageReference } from "./image-reference.ts";

export const USAGE = `usage: pack --dir DIRECTORY --image HOST/REPOSITORY:TAG
            (--command "npm start" | --static)
            [--workdir /app] [--env K=V]... [--label k=v]... [--user 10001]
            [--base HOST/REPOSITORY@sha256:...] [--base-layout DIRECTORY]
            [--platform linux/amd64] [--digest-file FILE]`;

export interface PackRequest {
  readonly dir: string;
  readonly image: ImageReference;
  /** A shell command, or undefined for a static site. */
  readonly command: string | undefined;
  readonly workdir: string;
  readonly user: string;
  readonly env: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly base: { readonly kind: "registry" | "layout"; readonly value: string } | undefined;
  readonly platform: { readonly os: string; readonly architecture: string };
  readonly digestFile: string | undefined;
}

const OPTIONS = {
  dir: { type: "string" },
  image: { type: "string" },
  command: { type: "string" },
  static: { type: "boolean", default: false },
  workdir: { type: "string", default: "/app" },
  user: { type: "string", default: "" },
  env: { type: "string", multiple: true, default: [] as string[] },
  label: { type: "string", multiple: true, default: [] as string[] },
  base: { type: "string" },
  "base-layout": { type: "string" },
  platform: { type: "string", default: "linux/amd64" },
  "digest-file": { type: "string" },
} as const;

/** Throws PackError saying which argument is wrong and what is allowed. */
export function parseArguments(argv: readonly string[]): PackRequest {
  const values = read(argv);
  if (values.static === (values.command !== undefined)) {
    throw new PackError("give either --command or --static");
  }
  return {
    dir: required(values.dir, "--dir"),
    image: parseImageReference(required(values.image, "--image")),
    command: values.command,
    workdir: absolute(values.workdir),
    user: values.user,
    env: values.env.map((pair) => checkPair(pair, "--env")),
    labels: Object.fromEntries(values.label.map((pair) => splitPair(checkPair(pair, "--label")))),
    base: chooseBase(values.base, values["base-layout"]),
    platform: parsePlatform(values.platform),
    digestFile: values["digest-file"],
  };
}

function read(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, strict: true }).values;
  } catch (error) {
    throw new PackError(error instanceof Error ? error.message : String(error));
  }
}

function required(value: string | undefined, name: string): string {
  if (value !== undefined && value !== "") return value;
  throw new PackError(`${name} is missing`);
}

function absolute(path: string): string {
  const parts = path.split("/").slice(1);
  const isPlain = path.startsWith("/") && parts.every((part) => /^[\w@-][\w.@-]*$/.test(part));
  if (isPlain) return path;
  throw new PackError(`--workdir "${path}" is not an absolute path of plain names, such as /app`);
}

function checkPair(pair: string, option: string): string {
  if (/^[^=\0]+=[^\0]*$/.test(pair)) return pair;
  throw new PackError(`${option} "${pair.slice(0, 100)}" is not NAME=VALUE`);
}

function splitPair(pair: string): [string, string] {
  const split = pair.indexOf("=");
  return [pair.slice(0, split), pair.slice(split + 1)];
}

function chooseBase(registry: string | undefined, layout: string | undefined): PackRequest["base"] {
  if (registry !== undefined && layout !== undefined) {
    throw new PackError("give either --base or --base-layout");
  }
  if (layout !== undefined) return { kind: "layout", value: layout };
  if (registry === undefined) return undefined;
  if (parseImageReference(registry).reference.startsWith("sha256:")) {
    return { kind: "registry", value: registry };
  }
  throw new PackError(`--base "${registry}" must be pinned: HOST/REPOSITORY@sha256:…`);
}

function parsePlatform(text: string): PackRequest["platform"] {
  const match = /^(linux)\/(amd64|arm64)$/.exec(text);
  const [, os, architecture] = match ?? [];
  if (os !== undefined && architecture !== undefined) return { os, architecture };
  throw new PackError(`--platform "${text}" is neither linux/amd64 nor linux/arm64`);
}
