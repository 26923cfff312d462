/** `npm run sidecar`: builds the native sidecars, measures them, and fails when one weighs too much. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { compileCore, toolchainFor } from "./build-sidecar.ts";
import { compile } from "./compile.ts";
import { CACHE, NATIVE } from "./folders.ts";
import { fetchPackages } from "./debian-packages.ts";
import { MACHINES, thisMachine, type Machine } from "./machine.ts";
import { measureResident } from "./measure.ts";
import { type Built, excesses, table } from "./report.ts";
import { VARIANTS, type Variant } from "./variant.ts";

const USAGE = `Usage: npm run sidecar [-- options] [machine...]

Builds dist/native/<machine>/sidecar and sidecar-tls for ${MACHINES.join(" and ")}, or for the machines named:
the core as WebAssembly, as C, as a static binary. Prints what each weighs, and ends with 1
when one weighs too much; those that run on this machine are run to see what memory they hold.

  --out <folder>   instead of dist/native

Debian packages: gcc musl-dev libbearssl-dev openssl, and gcc-aarch64-linux-gnu for arm64, whose
musl-dev and libbearssl-dev are fetched with apt-get once, without installing them.
`;

interface Options {
  readonly machines: readonly Machine[];
  readonly out: string;
}

function readOptions(args: readonly string[]): Options | null {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { out: { type: "string", default: NATIVE }, help: { type: "boolean" } },
  });
  if (values.help === true) return null;
  const machines = positionals.map((name) => {
    const machine = MACHINES.find((known) => known === name);
    if (machine !== undefined) return machine;
    throw new Error(`no sidecar is built for ${name}; there are ${MACHINES.join(" and ")}`);
  });
  return { machines: machines.length > 0 ? machines : MACHINES, out: path.resolve(values.out) };
}

async function weigh(variant: Variant, machine: Machine, file: string): Promise<Built> {
  const binary = readFileSync(file);
  const residentKb = machine === thisMachine() ? await measureResident(file, variant) : null;
  const sha256 = createHash("sha256").update(binary).digest("hex");
  return { variant, machine, bytes: binary.length, sha256, residentKb };
}

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options === null) {
    console.log(USAGE);
    return 0;
  }
  for (const machine of options.machines) {
    if (machine !== thisMachine()) fetchPackages(machine, CACHE);
  }
  const toolchains = options.machines.map((machine) => toolchainFor(machine));
  const wasm = await compileCore();
  const builds: Built[] = [];
  for (const toolchain of toolchains) {
    const { machine } = toolchain;
    const folder = path.join(options.out, machine);
    await compile(wasm, VARIANTS, toolchain, folder);
    builds.push(
      ...(await Promise.all(
        VARIANTS.map((variant) => weigh(variant, machine, path.join(folder, variant))),
      )),
    );
  }
  console.log(`core.wasm ${wasm.length} bytes\n${table(builds)}`);
  const reasons = excesses(builds);
  for (const reason of reasons) console.error(`too heavy: ${reason}`);
  return reasons.length === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    process.exitCode = await main(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
