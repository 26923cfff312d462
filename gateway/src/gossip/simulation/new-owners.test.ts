/** Addresses that change hands: pods get the addresses of lost ones, processes are started anew under another name. */
import { describe, expect, it } from "vitest";
import { SimulatedCluster } from "./simulated-cluster.ts";
import { swimProtocol } from "./swim-protocol.ts";

const SEEDS = 20;
/** The slowest class of evidence, with its witnesses. */
const FOUND_OUT_MS = 15_000;

function formed(seed: number): SimulatedCluster {
  const cluster = new SimulatedCluster({ seed, protocol: swimProtocol });
  for (let i = 0; i < 4; i++) cluster.start(`n${i}`, `10.0.0.${i}:1`, ["10.0.0.0:1"]);
  cluster.run(5000);
  return cluster;
}

function isKnownToAll(cluster: SimulatedCluster): boolean {
  return [...cluster.nodes.values()]
    .filter(({ condition }) => condition === "up")
    .every(({ id, view }) => {
      const former = view.get("n3")?.state;
      // The new one may never have heard of it.
      if (id === "new") return former === undefined || former === "dead";
      return former === "dead" && view.get("new")?.state === "alive";
    });
}

describe("a node under a new name at the address of", () => {
  it.each(["crash", "lose"] as const)(
    "one that is gone (%s) does not keep it alive, and lives itself",
    (how) => {
      for (let seed = 1; seed <= SEEDS; seed++) {
        const cluster = formed(seed);
        cluster[how]("n3");
        cluster.run(10 * seed);
        cluster.nodes.delete("n3");
        cluster.start("new", "10.0.0.3:1", ["10.0.0.0:1", "10.0.0.1:1"]);
        expect(
          cluster.runUntil(() => isKnownToAll(cluster), FOUND_OUT_MS),
          `seed ${seed}`,
        ).toBe(true);
        cluster.run(FOUND_OUT_MS);
        expect(isKnownToAll(cluster), `seed ${seed}, later`).toBe(true);
      }
    },
  );
});
