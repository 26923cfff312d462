import { describe, expect, it } from "vitest";
import { sample } from "../random.ts";
import { disagreements } from "./judge.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";
import { swimProtocol } from "./swim-protocol.ts";

const SEEDS = process.env["BIFROST_SOAK"] === "long" ? 500 : 20;

function formed(size: number, seed: number): SimulatedCluster {
  const cluster = new SimulatedCluster({ seed, protocol: swimProtocol });
  for (let i = 0; i < size; i++) cluster.start(`n${i}`, `10.0.0.${i}:1`, ["10.0.0.0:1"]);
  cluster.run(5000);
  return cluster;
}

function halves(cluster: SimulatedCluster, seed: number): [string[], string[]] {
  const mixed = sample({ word: seed }, [...cluster.nodes.keys()], cluster.nodes.size);
  return [mixed.splice(0, Math.floor(mixed.length / 2)), mixed];
}

/** Nobody of one side holds anybody of the other for live. */
function isSplit(cluster: SimulatedCluster, [one, other]: readonly [string[], string[]]): boolean {
  const holdsDead = (from: string[], to: string[]): boolean =>
    from.every((a) => to.every((b) => cluster.node(a).view.get(b)?.state === "dead"));
  return holdsDead(one, other) && holdsDead(other, one);
}

describe("a cluster cut in two, each side holding the other for dead", () => {
  it.each([
    ["10 s", 4, SEEDS, 10_000, 5000],
    ["60 s", 4, SEEDS, 60_000, 5000],
    ["60 s", 10, SEEDS / 2, 60_000, 5000],
    ["an hour", 4, SEEDS / 20, 3_600_000, 60_000],
  ])(
    "after %s is one again without an operator, with %i nodes",
    (_for, size, seeds, cutMs, healMs) => {
      for (let seed = 1; seed <= seeds; seed++) {
        const cluster = formed(size, seed);
        const [one, other] = halves(cluster, seed);
        cluster.cut(one, other);
        cluster.cut(other, one);
        cluster.run(cutMs);
        expect(isSplit(cluster, [one, other]), `seed ${seed}: split`).toBe(true);
        cluster.network.healAll();
        cluster.runUntil(() => disagreements(cluster).length === 0, healMs, 20);
        expect(disagreements(cluster), `seed ${seed}`).toEqual([]);
      }
    },
  );

  it("that heals while hosts are lost keeps only those for dead", () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const cluster = formed(6, seed);
      const [one, other] = halves(cluster, seed);
      cluster.cut(one, other);
      cluster.cut(other, one);
      cluster.run(30_000);
      cluster.lose(other[0] ?? "");
      cluster.network.healAll();
      cluster.runUntil(() => disagreements(cluster).length === 0, 15_000, 20);
      expect(disagreements(cluster), `seed ${seed}`).toEqual([]);
    }
  });
});

describe("a node id used twice", () => {
  it("stays with who had it, is reported, and goes to the other when that one is gone", () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const cluster = formed(4, seed);
      const holder = cluster.node("n3");
      cluster.start("n3", "10.9.0.3:1", ["10.0.0.0:1"]);
      // The simulation knows nodes by name: the holder goes on under another.
      cluster.nodes.set("holder", holder);
      cluster.run(10_000);
      expect(cluster.conflicts, `seed ${seed}`).toBeGreaterThan(0);
      for (const id of ["n0", "n1", "n2"]) {
        expect(cluster.node(id).view.get("n3")).toMatchObject({
          state: "alive",
          address: "10.0.0.3:1",
        });
      }
      cluster.nodes.delete("holder");
      holder.condition = "lost";
      cluster.runUntil(() => disagreements(cluster).length === 0, 90_000, 100);
      expect(disagreements(cluster), `seed ${seed}`).toEqual([]);
    }
  });
});
