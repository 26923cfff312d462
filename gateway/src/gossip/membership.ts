/** What the rest of a node sees of its cluster. */
import type { Member, NodeId } from "./member.ts";

/** Who a message is for; one byte on the wire. */
export const CHANNELS = { limits: 1, traffic: 2, health: 3, config: 4, keys: 5 } as const;
export type Channel = keyof typeof CHANNELS;

export interface ChannelHandlers {
  onMessage(from: NodeId, body: Uint8Array): void;
  onRequest?(from: NodeId, body: Uint8Array): Promise<Uint8Array>;
  /** Everything this channel would tell a node that knows nothing; exchanged by push-pull. Empty = nothing. */
  state?(): Uint8Array;
  onState?(from: NodeId, body: Uint8Array): void;
  /**
   * Asked whenever a packet goes to a live member anyway, such as a probe or its answer: what is to go along as a message, at
   * most so many bytes; null = nothing. It may be lost like every other message.
   */
  rider?(to: NodeId, mostBytes: number): Uint8Array | null;
}

export interface Membership {
  readonly self: NodeId;
  /** This node and all it knows of, the dead and left ones until they are forgotten. */
  members(): readonly Member[];
  /** After every change of a member's state, address or metadata. Answers how to stop. */
  onChange(listener: (member: Member, former: Member | null) => void): () => void;
  /** One listener to a channel. */
  on(channel: Channel, handlers: ChannelHandlers): void;
  /** Largest body of `send` and `broadcast`. */
  readonly maxMessageBytes: number;
  /** To one member; may be lost, may come twice. */
  send(to: NodeId, channel: Channel, body: Uint8Array): void;
  /** To every live member by gossip: repaired by retransmission, delivered once to each, in no order. */
  broadcast(channel: Channel, body: Uint8Array): void;
  /** To one member over a stream. */
  request(to: NodeId, channel: Channel, body: Uint8Array, timeoutMs: number): Promise<Uint8Array>;
}
