/** What may be wrong with a cluster, as data: how it shows, what causes it, what to do. */
import type { Picture } from "./picture.ts";

/** Something that was found, in words. */
export interface Sighting {
  /** The node it is about, or the address that was asked. */
  readonly at: string;
  readonly what: string;
}

export interface Trouble {
  readonly name: string;
  /** The method of discovery that can have it; absent = any cluster can. */
  readonly method?: string;
  readonly symptom: string;
  /** What gives it away in a line of a gateway's log, or in what discovery says of itself. */
  readonly phrases?: readonly string[];
  /** What gives it away in what the nodes say. */
  readonly look?: (picture: Picture) => readonly Sighting[];
  readonly cause: string;
  readonly remedies: readonly string[];
}

export const OPEN_PORT =
  "let port 10101 pass between all nodes, TCP and UDP, both directions: firewalls, security groups, NetworkPolicies";
