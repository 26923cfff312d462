import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { thisMachine } from "./machine.ts";
import { findToolchain, MissingTool } from "./toolchain.ts";

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
  try {
    findToolchain(machine, [empty]);
    expect.unreachable("an empty folder holds no musl");
  } catch (error) {
    if (!(error instanceof MissingTool)) throw error;
    if (error.debianPackage === "gcc") skip("gcc is not installed");
    expect(error.message).toMatch(/stdio\.h was not found.*apt-get install musl-dev$/);
  }
});
