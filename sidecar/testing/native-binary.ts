/** The native sidecar for tests and benchmarks: built when its sources changed, found when they did not. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { cp } from "node:fs/promises";
import path from "node:path";
import { compileCore, toolchainFor } from "../native/build-sidecar.ts";
import { compile } from "../native/compile.ts";
import { CACHE, ROOT } from "../native/folders.ts";
import { thisMachine, type Machine } from "../native/machine.ts";
import { MissingTool, type Toolchain } from "../native/toolchain.ts";
import type { Variant } from "../native/variant.ts";

export interface NativeBinaryOptions {
  /** This machine's unless said otherwise. */
  readonly machine?: Machine;
  /** A core of the test's own, instead of the sidecar's. */
  readonly wasm?: Uint8Array;
}

/** Why no native binary can be built here, as the note of a skipped test; null when it can. */
export function lacksNative(machine: Machine | undefined = thisMachine()): string | null {
  if (machine === undefined)
    return `gcc is not installed for ${process.arch}, which no sidecar is built for`;
  try {
    toolchainFor(machine);
    return null;
  } catch (error) {
    if (error instanceof MissingTool) return `${error.debianPackage} is not installed`;
    throw error;
  }
}

/** The path of the binary. */
export async function nativeBinary(
  variant: Variant,
  { machine = thisMachine() ?? "amd64", wasm }: NativeBinaryOptions = {},
): Promise<string> {
  const toolchain = toolchainFor(machine);
  const folder = folderOf(variant, toolchain, wasm);
  if (!existsSync(folder)) {
    await fill(folder, async (work) =>
      compile(wasm ?? (await compileCore()), [variant], toolchain, work),
    );
  }
  return path.join(folder, variant);
}

/** Lets tests find what was just built from the sources as they are. */
export async function keepBinary(
  variant: Variant,
  toolchain: Toolchain,
  binary: string,
): Promise<void> {
  const folder = folderOf(variant, toolchain);
  if (existsSync(folder)) return;
  await fill(folder, (work) => cp(binary, path.join(work, variant)));
}

function folderOf(variant: Variant, toolchain: Toolchain, wasm?: Uint8Array): string {
  return path.join(CACHE, `${variant}-${toolchain.machine}-${fingerprint(toolchain, wasm)}`);
}

/** The folder appears when it is complete. */
async function fill(folder: string, write: (work: string) => Promise<void>): Promise<void> {
  const work = `${folder}.${process.pid}`;
  try {
    await write(work);
    moveTo(folder, work);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Another worker that built the same at the same time may have been first. */
function moveTo(folder: string, work: string): void {
  mkdirSync(path.dirname(folder), { recursive: true });
  try {
    renameSync(work, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  }
}

/** Changes whenever a binary could. */
function fingerprint(toolchain: Toolchain, wasm: Uint8Array | undefined): string {
  const hash = createHash("sha256")
    .update(JSON.stringify(toolchain))
    .update(wasm ?? "");
  const files = [
    ...["core", "host", "native"].flatMap((folder) => filesOf(path.join(ROOT, "sidecar", folder))),
    path.join(ROOT, "scripts", "compile-core.mjs"),
    path.join(ROOT, "package-lock.json"),
    path.join(toolchain.muslLibraries, "libc.a"),
    toolchain.bearSslLibrary,
  ];
  for (const file of files) hash.update(readFileSync(file));
  return hash.digest("hex").slice(0, 16);
}

function filesOf(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(ts|c|h)$/.test(name) && !name.includes(".test."))
    .toSorted()
    .map((name) => path.join(folder, name));
}
