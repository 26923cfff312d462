import { describe, expect, it } from "vitest";
import type { TargetView } from "@bifrost/shared/api/routes";
import { type CanaryCase, decideCanary } from "./decide-canary.ts";

const target = (deployment: string, weight: number, name: string | null = null): TargetView => ({
  deployment,
  number: null,
  weight,
  name,
});

const running = [
  { id: "d13", number: 13 },
  { id: "d12", number: 12 },
];

function shares(request: Partial<CanaryCase>): Record<string, number> {
  const targets = decideCanary({
    targets: [],
    canary: { id: "d13", number: 13 },
    percent: 10,
    liveId: "d12",
    running,
    ...request,
  });
  const total = targets.reduce((sum, { weight = 0 }) => sum + weight, 0);
  return Object.fromEntries(
    targets.map(({ deployment, name, weight = 0 }) => [
      `${deployment}${name === undefined ? "" : `:${name}`}`,
      Math.round((weight / total) * 100),
    ]),
  );
}

describe("a canary", () => {
  it.each<[string, Partial<CanaryCase>, Record<string, number>]>([
    ["shares with the live release", {}, { live: 90, "d13:canary": 10 }],
    [
      "that is live shares with the one before it",
      { liveId: "d13" },
      { d12: 90, "d13:canary": 10 },
    ],
    [
      "is raised",
      { targets: [target("d12", 90), target("d13", 10, "canary")], liveId: "d13", percent: 50 },
      { d12: 50, "d13:canary": 50 },
    ],
    [
      "is lowered after it had everything",
      { targets: [target("d12", 0), target("d13", 100, "canary")], liveId: "d13", percent: 20 },
      { d12: 80, "d13:canary": 20 },
    ],
    ["may have everything", { percent: 100 }, { live: 0, "d13:canary": 100 }],
    ["may have nothing yet", { percent: 0 }, { live: 100, "d13:canary": 0 }],
    [
      "replaces the canary before it",
      { targets: [target("live", 90), target("d11", 10, "canary")] },
      { live: 90, "d13:canary": 10 },
    ],
    [
      "takes from all others in their proportions",
      { targets: [target("d11", 3, "a"), target("d12", 1, "b")], percent: 20 },
      { "d11:a": 60, "d12:b": 20, "d13:canary": 20 },
    ],
    [
      "that has become live does not share with itself",
      { targets: [target("live", 90), target("d13", 10, "canary")], liveId: "d13" },
      { d12: 90, "d13:canary": 10 },
    ],
  ])("%s", (_, request, expected) => {
    expect(shares(request)).toEqual(expected);
  });

  it("that is live and alone has nobody to share with", () => {
    expect(() => shares({ liveId: "d13", running: running.slice(0, 1) })).toThrow(/canary hold/);
  });
});
