import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { NAMES, thisMachine } from "./machine.ts";
import { findToolchain } from "./toolchain.ts";

it("a missing compiler is named with the Debian package that has it", () => {
  vi.stubEnv("PATH", "/nonexistent");
  onTestFinished(() => void vi.unstubAllEnvs());
  const machine = thisMachine() ?? "amd64";
  expect(() => findToolchain(machine, ["/"])).toThrow(
    /-gcc was not found, which builds the sidecar for a\w+64; install it: apt-get install gcc$/,
  );
});

it("missing files are named with the Debian package that has them", ({ skip }) => {
  const machine = thisMachine() ?? "amd64";
  const empty = mkdtempSync(path.join(tmpdir(), "bf-tools-"));
  onTestFinished(() => rmSync(empty, { recursive: true }));
  const compiler = spawnSync(`${NAMES[machine].gnu}-gcc`, ["--version"]);
  if (compiler.error !== undefined) skip("gcc is not installed");
  expect(() => findToolchain(machine, [empty])).toThrow(
    /stdio\.h was not found.*apt-get install musl-dev$/,
  );
});
