/**
 * The way in for what other nodes tell this one over HTTPS, on the port of the apps' traffic: on Cloud Run a service has no
 * other. Wins over every route, so that no app ever gets, or answers, what is meant for the node.
 */
import type { RequestHead } from "./parse-head.ts";

/** Plain data: it is sent to workers as it is. */
export interface GossipEntrance {
  /** Of this node's own URL, as requests name it. */
  readonly host: string;
  readonly targets: ReadonlySet<string>;
  /** Where the gossip process listens on this machine. */
  readonly address: string;
}

/** Spelled exactly so, as nodes do: whatever else looks like it is an app's. */
export function isGossip(
  { host, targets }: GossipEntrance,
  head: Pick<RequestHead, "host" | "target">,
): boolean {
  return head.host === host && targets.has(head.target);
}
