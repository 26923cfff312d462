/** What must hold of a run; each answers what is wrong, in words, or nothing. */
import { MAX_PACKET_BYTES } from "../codec.ts";
import { isLive } from "../evidence.ts";
import type { SimulatedCluster } from "./simulated-cluster.ts";

/** For each observer and member, while the observer's process lives: incarnations only grow. */
export function shrunkIncarnations(cluster: SimulatedCluster): string[] {
  return cluster.changes
    .filter(({ member, former }) => former !== null && member.incarnation < former.incarnation)
    .map(
      ({ at, observer, member, former }) =>
        `at ${at.toFixed(0)} ${observer} took ${member.id} back from ${former?.incarnation} to ${member.incarnation}`,
    );
}

export function oversizedPackets(cluster: SimulatedCluster): string[] {
  const { largestPacket } = cluster.network;
  return largestPacket > MAX_PACKET_BYTES ? [`a packet of ${largestPacket} bytes`] : [];
}

/** Deaths of nodes that never died. */
export function falseDeaths(cluster: SimulatedCluster): string[] {
  return cluster.changes
    .filter(({ member }) => member.state === "dead" && isUp(cluster, member.id))
    .map(
      ({ at, observer, member }) =>
        `at ${at.toFixed(0)} ${observer} declared ${member.id} dead as ${member.evidence}`,
    );
}

/** Every running node sees every running node alive at one incarnation and address, and nobody else. */
export function disagreements(cluster: SimulatedCluster): string[] {
  const problems: string[] = [];
  const running = [...cluster.nodes.values()].filter(({ condition }) => condition === "up");
  for (const observer of running) {
    for (const subject of cluster.nodes.values()) {
      if (subject === observer) continue;
      const seen = observer.view.get(subject.id);
      const state = seen?.state ?? "unknown";
      const isRight =
        subject.condition === "up"
          ? seen?.state === "alive" && seen.address === subject.address
          : seen === undefined || !isLive(seen.state);
      if (isRight) continue;
      problems.push(
        `${observer.id} sees ${subject.id} ${state} at ${seen?.address ?? "no address"}; it is ${subject.condition} at ${subject.address}`,
      );
    }
  }
  return problems;
}

/** Each broadcast reaches every node but its sender, once; `senders` = who sent each of them. */
export function lostOrRepeatedBroadcasts(
  cluster: SimulatedCluster,
  senders: readonly string[],
): string[] {
  const problems: string[] = [];
  for (const { id } of cluster.nodes.values()) {
    const got = cluster.deliveries.filter(({ observer }) => observer === id).length;
    const wanted = senders.filter((sender) => sender !== id).length;
    if (got !== wanted) problems.push(`${id} got ${got} of ${wanted} broadcasts`);
  }
  return problems;
}

function isUp(cluster: SimulatedCluster, id: string): boolean {
  return cluster.nodes.get(id)?.condition === "up";
}
