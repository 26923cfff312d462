import { expect, it } from "vitest";
import { type Built, excesses, table } from "./report.ts";

const built = (changes: Partial<Built>): Built => ({
  variant: "sidecar",
  machine: "amd64",
  bytes: 46_000,
  sha256: "ab12",
  residentKb: 100,
  ...changes,
});

it.each([
  ["within all limits", {}, []],
  ["at the limits", { bytes: 80_000, residentKb: 256 }, []],
  ["not run here", { residentKb: null }, []],
  ["too large", { bytes: 80_001 }, ["sidecar for amd64 has 80001 bytes, and 80000 are allowed"]],
  [
    "too large with TLS",
    { variant: "sidecar-tls", machine: "arm64", bytes: 160_001 },
    ["sidecar-tls for arm64 has 160001 bytes, and 160000 are allowed"],
  ],
  [
    "too hungry",
    { residentKb: 260 },
    ["sidecar for amd64 holds 260 kB after 100 probes, and 256 are allowed"],
  ],
] as const)("a build %s is told from one that is not", (_, changes, reasons) => {
  expect(excesses([built({}), built(changes)])).toEqual(reasons);
});

it("the table has a row for each build and says which were not run", () => {
  const text = table([built({}), built({ machine: "arm64", residentKb: null })]);
  expect(text.split("\n")).toEqual([
    expect.stringMatching(/^variant\s+machine\s+bytes\s+limit\s+resident kB\s+limit\s+sha256$/),
    expect.stringMatching(/^sidecar\s+amd64\s+46000\s+80000\s+100\s+256\s+ab12$/),
    expect.stringMatching(/^sidecar\s+arm64\s+46000\s+80000\s+not run\s+256\s+ab12$/),
  ]);
});
