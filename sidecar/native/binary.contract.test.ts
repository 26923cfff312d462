/** What is true of the native binaries by themselves: their form, their weight, and that they are always the same. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { lacksNative, nativeBinary } from "../testing/native-binary.ts";
import { temporaryFolder } from "../testing/world.ts";
import { compileCore, toolchainFor } from "./build-sidecar.ts";
import { compile } from "./compile.ts";
import { MACHINES } from "./machine.ts";
import { RECIPES, VARIANTS } from "./variant.ts";

/** Offsets of ELF64's header and program headers, by the ELF specification. */
const ELF = { machine: 18, headersAt: 32, headerSize: 54, headerCount: 56 } as const;
const MACHINE_CODES = { amd64: 62, arm64: 183 } as const;
const SEGMENT_DYNAMIC = 2;
const SEGMENT_INTERPRETER = 3;

function segmentTypes(binary: Buffer): readonly number[] {
  const first = Number(binary.readBigUInt64LE(ELF.headersAt));
  const size = binary.readUInt16LE(ELF.headerSize);
  return Array.from({ length: binary.readUInt16LE(ELF.headerCount) }, (_, index) =>
    binary.readUInt32LE(first + index * size),
  );
}

const sha256 = (file: string) => createHash("sha256").update(readFileSync(file)).digest("hex");

describe.each(MACHINES)("the binaries for %s", (machine) => {
  const lacking = lacksNative(machine);
  beforeEach(({ skip }) => {
    if (lacking !== null) skip(lacking);
  });

  it.each(VARIANTS)("%s is static: it names no interpreter and no library", async (variant) => {
    const binary = readFileSync(await nativeBinary(variant, { machine }));
    expect(binary.readUInt16LE(ELF.machine)).toBe(MACHINE_CODES[machine]);
    const segments = segmentTypes(binary);
    expect(segments.length).toBeGreaterThan(1);
    expect(segments).not.toContain(SEGMENT_DYNAMIC);
    expect(segments).not.toContain(SEGMENT_INTERPRETER);
  });

  it.each(VARIANTS)("%s weighs no more than is allowed", async (variant) => {
    const { size } = statSync(await nativeBinary(variant, { machine }));
    expect(size).toBeLessThanOrEqual(RECIPES[variant].mostBytes);
  });

  it("they are the same, byte by byte, when built again and when built from another folder", async () => {
    const elsewhere = path.join(temporaryFolder(), "a-longer-name-than-the-first");
    cpSync(path.join(import.meta.dirname, "../host"), elsewhere, { recursive: true });
    const out = temporaryFolder();
    await compile(await compileCore(), VARIANTS, toolchainFor(machine), out, elsewhere);
    for (const variant of VARIANTS) {
      expect(sha256(path.join(out, variant))).toBe(
        sha256(await nativeBinary(variant, { machine })),
      );
    }
  });
});

it("a build for a machine that there is none for says which there are", () => {
  const build = spawnSync("npx", ["tsx", path.join(import.meta.dirname, "build.ts"), "riscv64"], {
    encoding: "utf8",
  });
  expect(build).toMatchObject({
    status: 1,
    stderr: "no sidecar is built for riscv64; there are amd64 and arm64\n",
  });
});
