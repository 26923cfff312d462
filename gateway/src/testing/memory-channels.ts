/** Memberships of nodes in one process, for tests of what is said over their channels: who gets what is the test's choice. */
import type { Member, NodeId } from "../gossip/member.ts";
import type { Channel, ChannelHandlers, Membership } from "../gossip/membership.ts";

export class MemoryChannels {
  /** Whether a message arrives. */
  arrives: (from: NodeId, to: NodeId) => boolean = () => true;
  /** Sizes of all bodies that were sent. */
  readonly sent: number[] = [];
  private readonly nodes = new Map<NodeId, MemoryMembership>();

  add(id: NodeId, maxMessageBytes = 1200): MemoryMembership {
    const node = new MemoryMembership(id, maxMessageBytes, this);
    this.nodes.set(id, node);
    return node;
  }

  remove(id: NodeId): void {
    this.nodes.delete(id);
  }

  members(): readonly Member[] {
    return [...this.nodes.keys()].map((id) => ({
      id,
      address: `${id}.test:10101`,
      incarnation: 0,
      state: "alive",
      evidence: null,
      meta: { region: "", host: "", control: "", version: "", epoch: 1 },
      since: 0,
    }));
  }

  deliver(from: NodeId, to: NodeId, channel: Channel, body: Uint8Array): void {
    this.sent.push(body.length);
    if (this.arrives(from, to)) this.handlersOf(to, channel)?.onMessage(from, body);
  }

  /** Each tells the other everything, as push-pull does. */
  exchange(one: NodeId, other: NodeId, channel: Channel): void {
    const states = [one, other].map((id) => this.handlersOf(id, channel)?.state?.());
    for (const [index, to] of [other, one].entries()) {
      const state = states[index] ?? new Uint8Array();
      if (state.length > 0)
        this.handlersOf(to, channel)?.onState?.(index === 0 ? one : other, state);
    }
  }

  private handlersOf(id: NodeId, channel: Channel): ChannelHandlers | undefined {
    return this.nodes.get(id)?.handlers.get(channel);
  }
}

class MemoryMembership implements Membership {
  readonly self: NodeId;
  readonly maxMessageBytes: number;
  readonly handlers = new Map<Channel, ChannelHandlers>();
  private readonly channels: MemoryChannels;

  constructor(self: NodeId, maxMessageBytes: number, channels: MemoryChannels) {
    this.self = self;
    this.maxMessageBytes = maxMessageBytes;
    this.channels = channels;
  }

  members(): readonly Member[] {
    return this.channels.members();
  }

  onChange(): () => void {
    return () => undefined;
  }

  on(channel: Channel, handlers: ChannelHandlers): void {
    this.handlers.set(channel, handlers);
  }

  send(to: NodeId, channel: Channel, body: Uint8Array): void {
    this.channels.deliver(this.self, to, channel, body);
  }

  broadcast(): void {
    throw new Error("nothing is broadcast in these tests");
  }

  request(): Promise<Uint8Array> {
    return Promise.reject(new Error("nothing is requested in these tests"));
  }
}
