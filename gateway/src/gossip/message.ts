/** What nodes say to each other in packets, and in push-pull over streams. */
import type { Address, Evidence, MemberMeta, MemberState, NodeId } from "./member.ts";

/** A member's own word: only itself makes a new incarnation. */
export interface AliveClaim {
  readonly kind: "alive";
  readonly id: NodeId;
  readonly incarnation: number;
  readonly address: Address;
  readonly meta: MemberMeta;
}

export interface SuspectClaim {
  readonly kind: "suspect";
  readonly id: NodeId;
  readonly incarnation: number;
  readonly evidence: Evidence;
  /** The witness. */
  readonly from: NodeId;
}

export interface DeadClaim {
  readonly kind: "dead";
  readonly id: NodeId;
  readonly incarnation: number;
  readonly evidence: Evidence;
  readonly from: NodeId;
}

/** A member's own goodbye. */
export interface LeftClaim {
  readonly kind: "left";
  readonly id: NodeId;
  readonly incarnation: number;
}

export type Claim = AliveClaim | SuspectClaim | DeadClaim | LeftClaim;

/** Goes to everyone, once each: (epoch, number) names it, as an epoch is one start of one process. */
export interface BroadcastMessage {
  readonly kind: "broadcast";
  readonly origin: NodeId;
  readonly epoch: number;
  readonly number: number;
  readonly channel: number;
  readonly body: Uint8Array;
}

export type GossipMessage =
  | Claim
  | BroadcastMessage
  /** `target` is named because addresses find new owners. */
  | { readonly kind: "ping"; readonly seq: number; readonly target: NodeId }
  | { readonly kind: "ack"; readonly seq: number }
  /** Probe this one for me. */
  | {
      readonly kind: "ping-request";
      readonly seq: number;
      readonly target: NodeId;
      readonly address: Address;
    }
  | { readonly kind: "relayed-ack"; readonly seq: number }
  | { readonly kind: "direct"; readonly channel: number; readonly body: Uint8Array };

export interface Packet {
  readonly sender: NodeId;
  readonly messages: readonly GossipMessage[];
}

/** One line of a node's view. */
export interface MemberRecord {
  readonly id: NodeId;
  readonly address: Address;
  readonly incarnation: number;
  readonly state: MemberState;
  readonly evidence: Evidence | null;
  readonly meta: MemberMeta;
}

/** A node's whole view, itself first. */
export interface View {
  readonly sender: NodeId;
  readonly members: readonly MemberRecord[];
}
