/** What a node says of itself to nodes that cannot find it in any other way. */
export interface MeetingNode {
  readonly nodeId: string;
  /** Nodes of different services do not meet. */
  readonly serviceName: string;
  /** `host:port`, or the URL of a node behind HTTPS. */
  readonly address: string;
}

export interface MetNode extends MeetingNode {
  /** When it announced itself last, by the clock of the place and not its own; ms. */
  readonly seenAt: number;
}

/** A place where nodes leave their addresses and look for those of others. */
export interface NodeRendezvous {
  /** Again and again, for it to be known as alive. Answers when this was, by the clock of the place; ms. */
  announce(node: MeetingNode): Promise<number>;
  withdraw(nodeId: string): Promise<void>;
  /** Those of one service; what is no node is left out. */
  list(serviceName: string, limit: number): Promise<readonly MetNode[]>;
}
