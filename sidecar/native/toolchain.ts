/** The compiler and the files a build for one machine needs, each from a Debian package that is named when it is missing. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import { NAMES, type Machine } from "./machine.ts";

export interface Toolchain {
  readonly machine: Machine;
  readonly compiler: string;
  readonly compilerVersion: string;
  readonly objcopy: string;
  /** Headers of the compiler itself, such as stddef.h. */
  readonly compilerHeaders: string;
  readonly compilerLibrary: string;
  readonly muslHeaders: string;
  readonly muslLibraries: string;
  readonly bearSslHeaders: string;
  readonly bearSslLibrary: string;
}

/** What is missing, by the name of its Debian package. */
export class MissingTool extends Error {
  readonly debianPackage: string;

  constructor(debianPackage: string, what: string, machine: Machine) {
    const remedy = debianPackage.includes(":")
      ? "npm run sidecar fetches it"
      : `install it: apt-get install ${debianPackage}`;
    super(`${what} was not found, which builds the sidecar for ${machine}; ${remedy}`);
    this.debianPackage = debianPackage;
  }
}

/**
 * @param folders file systems to look in, first to last: `/`, and where packages of another machine were unpacked.
 * @throws MissingTool
 */
export function findToolchain(machine: Machine, folders: readonly string[]): Toolchain {
  const { gnu, musl, node } = NAMES[machine];
  const compiler = `${gnu}-gcc`;
  const isThis = node === process.arch;
  const compilerPackage = isThis ? "gcc" : `gcc-${gnu}`;
  const ask = (...options: string[]) => {
    const { error, status, stdout } = spawnSync(compiler, options, { encoding: "utf8" });
    if (error !== undefined || status !== 0) {
      throw new MissingTool(compilerPackage, compiler, machine);
    }
    return stdout.trim();
  };
  const file = (debianPackage: string, inside: string) => {
    const found = folders.map((folder) => path.join(folder, inside)).find(existsSync);
    if (found !== undefined) return found;
    throw new MissingTool(isThis ? debianPackage : `${debianPackage}:${machine}`, inside, machine);
  };
  return {
    machine,
    compiler,
    compilerVersion: ask("-dumpfullversion"),
    objcopy: ask("-print-prog-name=objcopy"),
    compilerHeaders: ask("-print-file-name=include"),
    compilerLibrary: ask("-print-libgcc-file-name"),
    muslHeaders: path.dirname(file("musl-dev", `usr/include/${musl}/stdio.h`)),
    muslLibraries: path.dirname(file("musl-dev", `usr/lib/${musl}/libc.a`)),
    bearSslHeaders: path.dirname(file("libbearssl-dev", "usr/include/bearssl/bearssl.h")),
    bearSslLibrary: file("libbearssl-dev", `usr/lib/${gnu}/libbearssl.a`),
  };
}
