/** What must hold of a run; each answers what is wrong, in words, or nothing. */
import { MAX_PACKET_BYTES } from "../codec.ts";
import { isLive } from "../evidence.ts";
import type { Member } from "../member.ts";
import type { SimulatedNode } from "./simulated-node.ts";
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

/** Every running node sees every running node alive where it is, and nobody else. */
export function disagreements(cluster: SimulatedCluster): string[] {
  const problems: string[] = [];
  for (const observer of cluster.nodes.values()) {
    if (observer.condition !== "up") continue;
    for (const subject of cluster.nodes.values()) {
      const seen = observer.view.get(subject.id);
      if (subject === observer || isRightOf(subject, seen)) continue;
      const seenAs = `${seen?.state ?? "unknown"} at ${seen?.address ?? "no address"}`;
      const { id, condition, address } = subject;
      problems.push(`${observer.id} sees ${id} ${seenAs}; it is ${condition} at ${address}`);
    }
  }
  return problems;
}

function isRightOf({ condition, address }: SimulatedNode, seen: Member | undefined): boolean {
  if (condition === "up") return seen?.state === "alive" && seen.address === address;
  return seen === undefined || !isLive(seen.state);
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
