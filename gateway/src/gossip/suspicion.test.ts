import { describe, expect, it } from "vitest";
import { MESH } from "./presets.ts";
import { confirmationsNeeded, suspicionTimeoutMs } from "./suspicion.ts";

const CAP = 30_000;

describe("the time a suspect has", () => {
  it.each([
    ["refused", 2, 1, 100],
    ["refused", 3, 1, 1000],
    ["refused", 3, 2, 100],
    ["refused", 25, 1, 1000],
    ["refused", 25, 4, 100],
    ["unreachable", 2, 1, 1000],
    ["unreachable", 10, 1, 6000],
    ["unreachable", 10, 2, 3500],
    ["unreachable", 10, 4, 1000],
    ["unreachable", 100, 4, 2000],
    ["stalled", 3, 2, 4000],
    ["stalled", 10, 1, 24_000],
    ["stalled", 10, 4, 4000],
    ["stalled", 100, 1, CAP],
  ] as const)(
    "as %s among %i live ones with %i witnesses is %i ms",
    (evidence, live, witnesses, ms) => {
      expect(suspicionTimeoutMs(MESH.suspicion[evidence], live, witnesses, CAP)).toBe(ms);
    },
  );

  it.each([
    [1, 0],
    [2, 0],
    [3, 1],
    [4, 2],
    [5, 3],
    [50, 3],
  ])("needs, of %i live ones, %i others to confirm", (live, needed) => {
    expect(confirmationsNeeded(live)).toBe(needed);
  });
});
