/** The core as WebAssembly, and the toolchain of a machine: what compile() needs. */
import path from "node:path";
import { CACHE, ROOT } from "./folders.ts";
import type { Machine } from "./machine.ts";
import { findToolchain, type Toolchain } from "./toolchain.ts";
import { packagesFolder } from "./debian-packages.ts";

interface CompileCore {
  compileCore(): Promise<Uint8Array>;
}

let compiled: Promise<Uint8Array> | undefined;

/** Compiled once in a process. */
export function compileCore(): Promise<Uint8Array> {
  const script = path.join(ROOT, "scripts", "compile-core.mjs");
  compiled ??= import(script).then((module: CompileCore) => module.compileCore());
  return compiled;
}

/**
 * This system's own files; for another machine, those of Debian packages that `npm run sidecar` unpacked.
 * @throws MissingTool
 */
export function toolchainFor(machine: Machine): Toolchain {
  return findToolchain(machine, ["/", packagesFolder(machine, CACHE)]);
}
