import { describe, expect, test } from "vitest";
import { HTTPS } from "../presets.ts";
import { frontedCluster, nameOf, stallNowAndThen, untilKnown } from "./fronted.ts";
import { disagreements, falseDeaths } from "./judge.ts";

const SEEDS = process.env["BIFROST_SOAK"] === "long" ? 5000 : 300;
/** How long an instance may stand still that is not dead. */
const BOUND_MS = HTTPS.suspicion.stalled.minMs;

/** Seeds of which `problemsOf` has something to say, with what it says. */
function problems(problemsOf: (seed: number, size: number) => readonly string[]): string[] {
  const all: string[] = [];
  for (let seed = 1; seed <= SEEDS; seed++) {
    const size = 3 + (seed % 4);
    all.push(...problemsOf(seed, size).map((problem) => `seed ${seed}, N=${size}: ${problem}`));
  }
  return all;
}

describe(`nodes over HTTPS behind fronts, over ${SEEDS} seeds`, () => {
  test(`that stall for up to ${BOUND_MS} ms, several at once, cost none its life`, () => {
    const found = problems((seed, size) => {
      const cluster = frontedCluster(size, seed);
      stallNowAndThen(cluster, { seed, ms: 60_000, mostMs: BOUND_MS });
      return falseDeaths(cluster);
    });
    expect(found).toEqual([]);
  });

  test.each([
    ["tried last", ["suspect", "dead"], 10_000],
    ["dead", ["dead"], 20_000],
  ])("one that is gone is %s at all others in time", (_, states, withinMs) => {
    const found = problems((seed, size) => {
      const tookMs = untilKnown(frontedCluster(size, seed), nameOf(seed % size), states);
      return tookMs !== null && tookMs <= withinMs ? [] : [`after ${tookMs} ms`];
    });
    expect(found).toEqual([]);
  });

  test("one that stood still for longer is dead meanwhile, as stalled, and back by itself", () => {
    const found = problems((seed, size) => {
      const cluster = frontedCluster(size, seed);
      cluster.stall("n1", 30_000);
      cluster.run(29_000);
      const seen = cluster.node("n0").view.get("n1");
      const wrong = seen?.state === "dead" && seen.evidence === "stalled" ? [] : ["it is not dead"];
      cluster.runUntil(() => disagreements(cluster).length === 0, 15_000, 50);
      return [...wrong, ...disagreements(cluster)];
    });
    expect(found).toEqual([]);
  });
});
