/** Which machines are gone, from what the members of the cluster see of each other. */
import type { Member } from "../gossip/member.ts";

/**
 * A host is gone for so long at most: by then Kubernetes has taken its replicas out of the EndpointSlices, or it is back and
 * the gateway that was there runs elsewhere.
 */
const BELIEVED_MS = 5 * 60_000;

/**
 * Hosts, and since when, whose members no path reaches any more. A process that ended, or stands still, says nothing of its
 * host, and neither does silence while another member there is alive. Whoever reaches less than half of the cluster is
 * likely to be cut off itself, and takes no host for lost.
 */
export function lostHosts(members: readonly Member[], now: number): ReadonlyMap<string, number> {
  const alive = members.filter(({ state }) => state === "alive");
  const gone = members.filter(
    (member) => isUnreachable(member) && now - member.since < BELIEVED_MS,
  );
  if (gone.length > alive.length) return new Map();
  const lost = new Map<string, number>();
  for (const { meta, since } of gone) {
    if (meta.host !== "") lost.set(meta.host, Math.max(since, lost.get(meta.host) ?? 0));
  }
  for (const { meta } of alive) lost.delete(meta.host);
  return lost;
}

function isUnreachable({ state, evidence }: Member): boolean {
  return (state === "suspect" || state === "dead") && evidence === "unreachable";
}
