/** One process on one host of the simulation: it runs, stalls, crashes, or is lost with its host. */
import type { Address, Member, NodeId } from "../member.ts";
import type { SwimEffect, SwimEvent, SwimOptions } from "../swim-state.ts";

/** What is simulated: our core, or another detector's rules. */
export interface ProtocolNode {
  step(event: SwimEvent, now: number): SwimEffect[];
  nextWakeAt(): number;
}

export type Protocol = (options: SwimOptions, now: number) => ProtocolNode;

/** `crashed`: the host refuses connections. `lost`: the host is silent. */
export type Condition = "up" | "crashed" | "lost";

export interface SimulatedNode {
  readonly id: NodeId;
  address: Address;
  condition: Condition;
  process: ProtocolNode;
  epoch: number;
  /** When this process last began. */
  startedAt: number;
  stalledUntil: number;
  /** What the kernel keeps for it while it stalls. */
  inbox: (() => void)[];
  links: readonly Address[];
  /** Its clock: it began somewhere and runs a little fast or slow. */
  readonly clockOffset: number;
  readonly clockRate: number;
  /** When its next wake is planned, in simulation time. */
  wakeAt: number;
  /** What it sees, by what it reported. */
  view: Map<NodeId, Member>;
}

export function localTime(node: SimulatedNode, now: number): number {
  return node.clockOffset + now * node.clockRate;
}

export function simulationTime(node: SimulatedNode, local: number): number {
  return (local - node.clockOffset) / node.clockRate;
}
