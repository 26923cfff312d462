/** Every time and count of the protocol, with its reason. Two sets: a mesh of sockets, and HTTPS between services. */
import type { SuspicionWindows } from "./suspicion.ts";

export interface GossipPreset {
  /** One member is probed in each interval. */
  readonly probeIntervalMs: number;
  /** Until the indirect probes: `probeTimeoutFactor` round trips, within these bounds. */
  readonly minProbeTimeoutMs: number;
  readonly maxProbeTimeoutMs: number;
  readonly probeTimeoutFactor: number;
  /** For the check over a stream and the indirect probes, which run at the same time. */
  readonly checkTimeoutMs: number;
  /** Members asked to probe for this one. */
  readonly indirectProbes: number;
  /** Who hears of a suspicion probes the suspect within this time instead of waiting for its turn. */
  readonly confirmWithinMs: number;
  /** Between two probes of a suspect. */
  readonly reprobeMs: number;
  readonly suspicion: SuspicionWindows;
  /** While the queue has something. */
  readonly gossipIntervalMs: number;
  readonly gossipFanout: number;
  /** News of this node's own goes straight to so many members; beyond that gossip carries it. */
  readonly pushFanout: number;
  /** So long news waits for company in one packet. */
  readonly pushDelayMs: number;
  /** A message is sent multiplier x ceil(log10(n + 1)) times by each node. */
  readonly retransmitMultiplier: number;
  readonly pushPullIntervalMs: number;
  /** Links to all members up to so many, else to the next `linkRing` on the ring of ids. */
  readonly linkAllUpTo: number;
  readonly linkRing: number;
  /** Between two tries to reach a dead member: a twentieth of the time since its death, within these bounds. */
  readonly minRejoinMs: number;
  readonly maxRejoinMs: number;
  /** A timer that comes later than this says that this process did not run: time it did not live is not held against others. */
  readonly stallMs: number;
  /** Dead and left members are forgotten after this. */
  readonly forgetDeadMs: number;
  readonly forgetLeftMs: number;
}

const SECOND = 1000;
const HOUR = 3600 * SECOND;

export const MESH: GossipPreset = {
  probeIntervalMs: SECOND,
  minProbeTimeoutMs: 100,
  maxProbeTimeoutMs: 300,
  probeTimeoutFactor: 5,
  checkTimeoutMs: 350,
  indirectProbes: 3,
  confirmWithinMs: 50,
  reprobeMs: 500,
  suspicion: {
    refused: { minMs: 100, maxMs: SECOND, growsWithCluster: false },
    unreachable: { minMs: SECOND, maxMs: 6 * SECOND, growsWithCluster: true },
    stalled: { minMs: 4 * SECOND, maxMs: 24 * SECOND, growsWithCluster: true },
  },
  gossipIntervalMs: 200,
  gossipFanout: 3,
  pushFanout: 16,
  pushDelayMs: 2,
  retransmitMultiplier: 4,
  pushPullIntervalMs: 30 * SECOND,
  linkAllUpTo: 16,
  linkRing: 8,
  minRejoinMs: 2 * SECOND,
  maxRejoinMs: 60 * SECOND,
  stallMs: 250,
  forgetDeadMs: 24 * HOUR,
  forgetLeftMs: HOUR,
};

/** Requests through a cloud's balancer: round trips of tens of milliseconds, no kernel to ask, nothing closes when a node dies. */
export const HTTPS: GossipPreset = {
  ...MESH,
  probeIntervalMs: 2 * SECOND,
  minProbeTimeoutMs: 500,
  maxProbeTimeoutMs: 2 * SECOND,
  checkTimeoutMs: 2 * SECOND,
  confirmWithinMs: 200,
  reprobeMs: 2 * SECOND,
  suspicion: {
    refused: { minMs: 2 * SECOND, maxMs: 6 * SECOND, growsWithCluster: true },
    unreachable: { minMs: 4 * SECOND, maxMs: 24 * SECOND, growsWithCluster: true },
    stalled: { minMs: 8 * SECOND, maxMs: 30 * SECOND, growsWithCluster: true },
  },
  pushDelayMs: 20,
  stallMs: SECOND,
};
