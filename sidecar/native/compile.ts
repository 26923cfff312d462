/** One static binary from a WebAssembly module: wasm2c, then the machine's C compiler with musl. Same input, same bytes. */
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { NAMES } from "./machine.ts";
import type { Toolchain } from "./toolchain.ts";
import { RECIPES, type Variant } from "./variant.ts";

const run = promisify(execFile);
const HOST = path.join(import.meta.dirname, "../host");

const BEAR_SSL = "libbearssl.a";

const words = (text: string) => text.trim().split(/\s+/);

// What is not called is left out, and so is what only a debugger or an exception would read.
const COMPILER_FLAGS = words(`
  -std=gnu11 -Os -DNDEBUG -fno-pie -fno-plt -fno-stack-protector
  -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -fno-unwind-tables`);
const WARNINGS = words("-Wall -Wextra -Werror -Wno-unused-parameter");
const LINKER_FLAGS = words(`
  -static -no-pie -nostdlib -s
  -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,norelro -Wl,-z,noseparate-code`);

/** Where a build happens, and for what. */
interface Site {
  readonly toolchain: Toolchain;
  /** Folder of the host's sources. */
  readonly host: string;
  /** Folder of everything in between. */
  readonly work: string;
}

/** Builds the variants of one machine into `outFolder`, named after themselves; `host` is where the host's sources are. */
export async function compile(
  wasm: Uint8Array,
  variants: readonly Variant[],
  toolchain: Toolchain,
  outFolder: string,
  host: string = HOST,
): Promise<void> {
  const work = mkdtempSync(path.join(tmpdir(), "bf-sidecar-"));
  const site = { toolchain, host, work };
  try {
    writeFileSync(path.join(work, "core.wasm"), wasm);
    const wasm2c = createRequire(import.meta.url).resolve("wabt/bin/wasm2c");
    await run(process.execPath, [wasm2c, "-n", "core", "core.wasm", "-o", "core.c"], { cwd: work });
    await compileC(site, ["-w", "-c", "core.c", "-o", "core.o"]);
    // A fifteenth of BearSSL is tables for unwinding its stack, which nothing here does.
    const strip = ["-R", ".eh_frame", "-R", ".rela.eh_frame", toolchain.bearSslLibrary, BEAR_SSL];
    await run(toolchain.objcopy, strip, { cwd: work });
    mkdirSync(outFolder, { recursive: true });
    for (const variant of variants) {
      await link(variant, site);
      copyFileSync(path.join(work, variant), path.join(outFolder, variant));
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function link(variant: Variant, site: Site): Promise<void> {
  const { sources, needsBearSsl } = RECIPES[variant];
  const { muslLibraries, bearSslHeaders, compilerLibrary } = site.toolchain;
  const musl = (name: string) => path.join(muslLibraries, name);
  const objects = [...sources.map((source) => path.join(site.host, source)), "core.o"];
  if (needsBearSsl) objects.unshift("-isystem", bearSslHeaders);
  if (needsBearSsl) objects.push(BEAR_SSL);
  // musl and the compiler's library need each other.
  const libraries = ["-Wl,--start-group", musl("libc.a"), compilerLibrary, "-Wl,--end-group"];
  const all = [musl("crt1.o"), musl("crti.o"), ...objects, ...libraries, musl("crtn.o")];
  await compileC(site, [...WARNINGS, ...LINKER_FLAGS, ...all, "-o", variant]);
}

async function compileC({ toolchain, host, work }: Site, args: readonly string[]): Promise<void> {
  const { compiler, machine, muslHeaders, compilerHeaders } = toolchain;
  const flags = [
    ...COMPILER_FLAGS,
    ...NAMES[machine].compilerFlags,
    ...[host, work].flatMap((folder) => [`-I${folder}`, `-ffile-prefix-map=${folder}=.`]),
  ];
  const headers = ["-nostdinc", "-isystem", muslHeaders, "-isystem", compilerHeaders];
  await run(compiler, [...flags, ...headers, ...args], {
    cwd: work,
    env: { ...process.env, LC_ALL: "C" },
  });
}
