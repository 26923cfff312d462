/** Clusters over HTTPS as on Cloud Run: slow round trips, and a front before each node that answers for one that is gone. */
import { HTTPS } from "../presets.ts";
import { nextRandom, randomInt } from "../random.ts";
import { GOOD_NETWORK } from "./network.ts";
import { SimulatedCluster } from "./simulated-cluster.ts";
import { swimProtocol } from "./swim-protocol.ts";

/** One way: 20 ms at least, and half as much again on average. */
const FRONTED_NETWORK = { ...GOOD_NETWORK, delayMs: 20, jitterMs: 10 };
const FORMS_WITHIN_MS = 60_000;
/** Between two stalls of one node: in a row they would be one that is longer. */
const RESTS_MS = 5000;

/** Formed, at some point of its round of probes. */
export function frontedCluster(size: number, seed: number): SimulatedCluster {
  const cluster = new SimulatedCluster({
    seed,
    protocol: swimProtocol,
    preset: HTTPS,
    conditions: FRONTED_NETWORK,
    clockSkew: 0.02,
    isFronted: true,
  });
  for (let at = 0; at < size; at++) cluster.start(nameOf(at), urlOf(at), [urlOf(0)]);
  const isFormed = (): boolean =>
    [...cluster.nodes.values()].every(({ view }) => view.size === size - 1);
  if (!cluster.runUntil(isFormed, FORMS_WITHIN_MS, 100)) {
    throw new Error(`seed ${seed}: ${size} nodes did not find each other`);
  }
  cluster.run(5000 + 4000 * nextRandom({ word: seed }));
  return cluster;
}

export function nameOf(at: number): string {
  return `n${at}`;
}

function urlOf(at: number): string {
  return `https://${nameOf(at)}.example`;
}

/** For so long, nodes stall now and then, also several at once: for half of `mostMs` to all of it. */
export function stallNowAndThen(
  cluster: SimulatedCluster,
  { seed, ms, mostMs }: { readonly seed: number; readonly ms: number; readonly mostMs: number },
): void {
  const random = { word: seed };
  const end = cluster.now + ms;
  while (cluster.now < end) {
    const node = cluster.node(nameOf(randomInt(random, cluster.nodes.size)));
    const isRested = node.stalledUntil + RESTS_MS < cluster.now;
    if (isRested) cluster.stall(node.id, (mostMs * (1 + nextRandom(random))) / 2);
    cluster.run(4000 * nextRandom(random));
  }
}

/** From the end of one node until every other holds it in one of these states; null = not within two minutes. */
export function untilKnown(
  cluster: SimulatedCluster,
  id: string,
  states: readonly string[],
): number | null {
  const at = cluster.now;
  cluster.crash(id);
  const isKnown = (): boolean =>
    [...cluster.nodes.values()].every(
      (node) => node.id === id || states.includes(node.view.get(id)?.state ?? "alive"),
    );
  return cluster.runUntil(isKnown, 120_000, 10) ? cluster.now - at : null;
}
