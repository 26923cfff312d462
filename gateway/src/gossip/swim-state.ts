/** What a node knows and means to do, as plain data: it can be copied, compared and replayed. */
import type { Agenda } from "./agenda.ts";
import { type BroadcastQueue, newBroadcastQueue } from "./broadcast-queue.ts";
import type { Address, Evidence, Member, MemberMeta, MemberState, NodeId } from "./member.ts";
import type { View } from "./message.ts";
import type { GossipPreset } from "./presets.ts";
import { randomInt, type RandomState } from "./random.ts";
import type { HealthThresholds, LinkRecord } from "./round-trip.ts";
import { newSeenMessages, type SeenMessages } from "./seen-messages.ts";
import type { CheckResult } from "./transport.ts";

export interface Suspicion {
  /** From when its time counts. */
  since: number;
  /** Who said so, this node included when it saw it itself. */
  readonly witnesses: Set<NodeId>;
}

/** Another member, as this node knows it. */
export interface Peer {
  readonly id: NodeId;
  address: Address;
  incarnation: number;
  state: MemberState;
  evidence: Evidence | null;
  meta: MemberMeta;
  since: number;
  suspicion: Suspicion | null;
  /** Others hold this one, alive here, for dead: it is told with the next probes, until it has refuted. */
  accused: { readonly incarnation: number; readonly evidence: Evidence } | null;
  /** When it was last probed in its turn, or heard of straight from itself. */
  turnAt: number;
  /** When the gossip loop last sent it something. */
  toldAt: number;
  /** When it last answered a probe of this node. */
  answeredAt: number;
  /** Of a dead one: when it is tried next. */
  rejoinAt: number;
  link: LinkRecord;
}

/** `round`: its turn. `confirm`: it is suspected. `rejoin`: it is dead, and may be back. */
export type ProbePurpose = "round" | "confirm" | "rejoin";

export interface Probe {
  readonly seq: number;
  readonly target: NodeId;
  readonly purpose: ProbePurpose;
  readonly verdictAt: number;
  /** What the check over a stream said, when it said that it failed. */
  evidence: Evidence | null;
  /** This process did not run meanwhile: silence means nothing. */
  isVoid: boolean;
}

/** A probe for somebody else. */
export interface Relay {
  readonly for: Address;
  readonly seq: number;
  readonly target: NodeId;
  readonly until: number;
}

export const MAX_CANDIDATES = 1024;

export interface Candidate {
  nextAt: number;
  delayMs: number;
}

/** What happened, since the start. */
export interface SwimCounters {
  probes: number;
  probesFailed: number;
  suspicionsRaised: number;
  suspicionsRefuted: number;
  deathsDeclared: number;
  refutations: number;
  stalls: number;
  malformed: number;
  conflicts: number;
  /** Members that were not taken in because there are too many. */
  surplus: number;
}

export interface SwimOptions {
  readonly id: NodeId;
  readonly address: Address;
  readonly meta: MemberMeta;
  readonly preset: GossipPreset;
  readonly health: HealthThresholds;
  /** No suspicion lasts longer. */
  readonly maxSuspicionMs: number;
  readonly deduplicationMs: number;
  readonly maxPacketBytes: number;
  /** 32 random bits. */
  readonly seed: number;
}

export interface SwimState {
  readonly options: SwimOptions;
  incarnation: number;
  meta: MemberMeta;
  hasLeft: boolean;
  readonly peers: Map<NodeId, Peer>;
  readonly random: RandomState;
  readonly agenda: Agenda;
  readonly queue: BroadcastQueue;
  /** Queued keys to be pushed soon; true = nobody else pushes it. */
  readonly fresh: Map<string, boolean>;
  readonly seen: SeenMessages;
  readonly probes: Map<number, Probe>;
  readonly relays: Map<number, Relay>;
  readonly syncs: Map<number, { readonly address: Address }>;
  /** Addresses at which nodes may be, known from elsewhere. */
  readonly candidates: Map<Address, Candidate>;
  seq: number;
  broadcasts: number;
  awareness: number;
  readonly counters: SwimCounters;
}

export type SwimCommand =
  /** All addresses at which nodes may be; those of before are forgotten. */
  | { readonly kind: "candidates"; readonly addresses: readonly Address[] }
  | { readonly kind: "set-meta"; readonly meta: MemberMeta }
  | { readonly kind: "broadcast"; readonly channel: number; readonly body: Uint8Array }
  | {
      readonly kind: "send";
      readonly to: NodeId;
      readonly channel: number;
      readonly body: Uint8Array;
    }
  | { readonly kind: "leave" };

export type SwimEvent =
  | SwimCommand
  /** Something of the agenda may be due. */
  | { readonly kind: "wake" }
  | { readonly kind: "packet"; readonly from: Address; readonly packet: Uint8Array }
  | { readonly kind: "checked"; readonly seq: number; readonly result: CheckResult }
  | { readonly kind: "refused"; readonly address: Address }
  | { readonly kind: "doubt"; readonly address: Address }
  /** Somebody's push-pull; the answer is a `sync-reply`. */
  | { readonly kind: "sync-request"; readonly view: View }
  | { readonly kind: "synced"; readonly id: number; readonly view: View | null };

export type SwimEffect =
  | { readonly kind: "send"; readonly to: Address; readonly packet: Uint8Array }
  /** Ends with a `checked` of the same seq. */
  | {
      readonly kind: "check";
      readonly seq: number;
      readonly address: Address;
      readonly timeoutMs: number;
    }
  /** Ends with a `synced` of the same id. */
  | {
      readonly kind: "sync";
      readonly id: number;
      readonly address: Address;
      readonly view: View;
      /** Whether nobody asked for it: routine exchange with a live member. */
      readonly isRoutine: boolean;
    }
  | { readonly kind: "sync-reply"; readonly view: View }
  | { readonly kind: "link"; readonly addresses: readonly Address[] }
  | { readonly kind: "changed"; readonly member: Member; readonly former: Member | null }
  | {
      readonly kind: "deliver";
      readonly from: NodeId;
      readonly channel: number;
      readonly body: Uint8Array;
    }
  /** Two processes use one node id; `holder` keeps it here. */
  | {
      readonly kind: "conflict";
      readonly id: NodeId;
      readonly holder: Address;
      readonly claimant: Address;
    }
  /** Someone thought this node gone. */
  | { readonly kind: "refuted"; readonly claimed: "suspect" | "dead"; readonly by: NodeId };

/** One step under way. */
export interface Turn {
  readonly state: SwimState;
  readonly now: number;
  readonly effects: SwimEffect[];
  /** Whether its news came over a stream, so that nobody else pushes it. */
  readonly isFromStream: boolean;
}

/** Sequence numbers stay in three bytes. */
const MAX_SEQ = 2 ** 21 - 1;

export function newSwimState(options: SwimOptions, now: number): SwimState {
  const random = { word: options.seed };
  const state: SwimState = {
    options,
    incarnation: 0,
    meta: options.meta,
    hasLeft: false,
    peers: new Map(),
    random,
    agenda: new Map(),
    queue: newBroadcastQueue(),
    fresh: new Map(),
    seen: newSeenMessages(),
    probes: new Map(),
    relays: new Map(),
    syncs: new Map(),
    candidates: new Map(),
    seq: randomInt(random, MAX_SEQ),
    broadcasts: 0,
    awareness: 0,
    counters: {
      probes: 0,
      probesFailed: 0,
      suspicionsRaised: 0,
      suspicionsRefuted: 0,
      deathsDeclared: 0,
      refutations: 0,
      stalls: 0,
      malformed: 0,
      conflicts: 0,
      surplus: 0,
    },
  };
  const { preset } = options;
  const start = (task: "probe-round" | "push-pull", everyMs: number): void => {
    state.agenda.set(task, { at: now + randomInt(random, everyMs), task: { kind: task } });
  };
  start("probe-round", preset.probeIntervalMs);
  start("push-pull", preset.pushPullIntervalMs);
  return state;
}

export function nextSeq(state: SwimState): number {
  state.seq = (state.seq % MAX_SEQ) + 1;
  return state.seq;
}
