/** What one node knows of another. */

/** Chosen by the operator or made at the first start; letters, digits, `.`, `_`, `-`; at most 64. */
export type NodeId = string;

export const NODE_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** Where a transport reaches a node: `10.0.0.1:10101` in a mesh, `https://gateway-2.example` over HTTPS. At most 255 characters. */
export type Address = string;

/**
 * `suspect`: may be gone, gets no traffic, can still refute. `dead`: gone without a word. `left`: said goodbye. The last
 * two come back by a higher incarnation only.
 */
export type MemberState = "alive" | "suspect" | "dead" | "left";

/**
 * What a suspicion rests on. `refused`: its process is gone, the kernel of its host says so. `unreachable`: silence on
 * every path; its host, or the network between, is gone. `stalled`: its kernel answers and the program does not.
 */
export type Evidence = "refused" | "unreachable" | "stalled";

/** What a node tells of itself with its own alive message; at most MAX_META_BYTES when encoded. */
export interface MemberMeta {
  readonly region: string;
  /** Name of the machine or Kubernetes node it runs on; "" = unknown. */
  readonly host: string;
  /** Address of its control API, `host:port`; "" = unknown. */
  readonly control: string;
  /** Version of the program. */
  readonly version: string;
  /** Random, new with each start of the process; its counters begin at 0 with it. */
  readonly epoch: number;
}

export interface Member {
  readonly id: NodeId;
  readonly address: Address;
  readonly incarnation: number;
  readonly state: MemberState;
  /** Of a suspect or dead member; null otherwise. */
  readonly evidence: Evidence | null;
  readonly meta: MemberMeta;
  /** When it got into this state, by this node's clock in ms. */
  readonly since: number;
}
