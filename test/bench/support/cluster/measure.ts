/** What is measured of a simulated cluster, whatever protocol it runs; times in ms of simulated time. */
import { nextRandom } from "@bifrost/gateway/gossip/random";
import { GOOD_NETWORK } from "@bifrost/gateway/gossip/simulation/network";
import { SimulatedCluster } from "@bifrost/gateway/gossip/simulation/simulated-cluster";
import type { Protocol } from "@bifrost/gateway/gossip/simulation/simulated-node";

const FORMS_WITHIN_MS = 120_000;
const SETTLES_MS = 5000;
const GIVES_UP_MS = 120_000;

export function formed(protocol: Protocol, size: number, seed: number): SimulatedCluster {
  const cluster = new SimulatedCluster({ seed, protocol });
  for (let i = 0; i < size; i++) cluster.start(`bifrost-${i}`, address(i), [address(0)]);
  const knowsAll = (): boolean =>
    [...cluster.nodes.values()].every(({ view }) => view.size === size - 1);
  if (!cluster.runUntil(knowsAll, FORMS_WITHIN_MS, 100)) {
    throw new Error(`seed ${seed}: ${size} nodes did not find each other`);
  }
  cluster.run(SETTLES_MS + 2000 * nextRandom({ word: seed }));
  return cluster;
}

function address(index: number): string {
  return `10.0.0.${index}:10101`;
}

/** From the loss of these until every survivor holds them for gone: in one of these states. */
export function untilAllKnow(
  cluster: SimulatedCluster,
  victims: readonly string[],
  how: "crash" | "lose",
  states: readonly string[],
): number {
  const at = cluster.now;
  for (const victim of victims) cluster[how](victim);
  const knows = (): boolean =>
    [...cluster.nodes.values()].every(
      ({ condition, view }) =>
        condition !== "up" ||
        victims.every((victim) => states.includes(view.get(victim)?.state ?? "alive")),
    );
  cluster.runUntil(knows, GIVES_UP_MS, 5);
  return cluster.now - at;
}

/** Deaths that an observer declared or believed, of nodes that all live. */
export function falseDeaths(cluster: SimulatedCluster): number {
  return cluster.changes.filter(({ member }) => member.state === "dead").length;
}

/** Three of the nodes stall for 1 to 4 s, again and again. */
export function runWithStalls(cluster: SimulatedCluster, ms: number, seed: number): void {
  const random = { word: seed };
  const end = cluster.now + ms;
  while (cluster.now < end) {
    for (const id of ["bifrost-1", "bifrost-4", "bifrost-7"]) {
      const isFree = cluster.node(id).stalledUntil < cluster.now;
      if (isFree && nextRandom(random) < 0.2) cluster.stall(id, 1000 + 3000 * nextRandom(random));
    }
    cluster.run(1000);
  }
}

/** Packets are lost with this probability, streams fail with twice that: as if nothing were sent again. */
export function runWithLoss(cluster: SimulatedCluster, ms: number, loss: number): void {
  cluster.network.conditions = { ...GOOD_NETWORK, loss, streamLoss: 2 * loss };
  cluster.run(ms);
  cluster.network.conditions = GOOD_NETWORK;
}

/** From the broadcast of 100 bytes until the last of the others has it; null = one never got it. */
export function untilLastHears(cluster: SimulatedCluster, sender: string): number | null {
  const at = cluster.now;
  const before = cluster.deliveries.length;
  const others = cluster.nodes.size - 1;
  const body = new Uint8Array(100);
  cluster.command(sender, { kind: "broadcast", channel: 3, body });
  const isThere = (): boolean => cluster.deliveries.length - before >= others;
  const hasAll = cluster.runUntil(isThere, 30_000, 1);
  return hasAll ? (cluster.deliveries.at(-1)?.at ?? at) - at : null;
}

/** From healing a cut down the middle until every node holds every other for alive; null = not within two minutes. */
export function untilHealed(cluster: SimulatedCluster, cutMs: number): number | null {
  const all = [...cluster.nodes.keys()];
  const one = all.slice(0, all.length / 2);
  const other = all.slice(all.length / 2);
  cluster.cut(one, other);
  cluster.cut(other, one);
  cluster.run(cutMs);
  cluster.network.healAll();
  const at = cluster.now;
  const isWhole = (): boolean =>
    [...cluster.nodes.values()].every(({ view }) =>
      all.every((id) => (view.get(id)?.state ?? "alive") === "alive"),
    );
  return cluster.runUntil(isWhole, GIVES_UP_MS, 20) ? cluster.now - at : null;
}

/** Of one node in one second in which nothing happens. */
export function idleTraffic(cluster: SimulatedCluster): { packets: number; bytes: number } {
  const { packets, packetBytes } = cluster.network;
  const seconds = 300;
  cluster.run(60_000); // news of the start has died down
  const from = { packets: cluster.network.packets, bytes: cluster.network.packetBytes };
  if (from.packets <= packets || from.bytes <= packetBytes) throw new Error("nothing was sent");
  cluster.run(seconds * 1000);
  const share = 1 / seconds / cluster.nodes.size;
  return {
    packets: (cluster.network.packets - from.packets) * share,
    bytes: (cluster.network.packetBytes - from.bytes) * share,
  };
}
