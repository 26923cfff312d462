/** Where a node learns of addresses at which other nodes may answer. It finds candidates; only gossip makes members of them. */
import type { Address, NodeId } from "../gossip/member.ts";

export interface DiscoverySelf {
  readonly nodeId: NodeId;
  /** What others reach this node by. */
  readonly address: Address;
}

export interface DiscoveryHandlers {
  /** The complete set that this method knows now, this node itself left out where it can be told. Called on every change, and at least once. */
  onFound(addresses: readonly Address[]): void;
}

export interface Discovery {
  /** Such as `kubernetes`; in logs and in the status. */
  readonly type: string;
  /** Registers this node where the method has a place for it. Goes on trying by itself; never rejects. */
  start(self: DiscoverySelf, handlers: DiscoveryHandlers): Promise<void>;
  /** Asks anew at once: nobody was found so far, or all are gone. */
  refresh(): void;
  /** What went wrong last and still does; null = nothing. */
  problem(): string | null;
  /** Takes this node out again. */
  stop(): Promise<void>;
}
