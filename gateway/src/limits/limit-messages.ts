/**
 * What a data plane and the node's part of limits tell each other over IPC (structured clone). The channel loses nothing and
 * keeps the order, so that amounts are told as what was added since the message before.
 */

/** What was asked of one key and how much of it was let through, since the last report. */
export interface KeyUse {
  readonly scope: string;
  readonly key: string;
  readonly spent: number;
  readonly asked: number;
  readonly rate: number;
  readonly burst: number;
}

/** What goes on with a key outside of the data plane that is told. */
export interface KeyElsewhere {
  readonly scope: string;
  readonly key: string;
  readonly rate: number;
  readonly burst: number;
  /** Spent elsewhere since the last time. */
  readonly spent: number;
  /** How many a second are asked for elsewhere, as far as known. */
  readonly others: number;
  /** The part of all that is asked for that is asked for in the plane told. */
  readonly share: number;
  /** What others will have asked for since their numbers were taken. */
  readonly ahead: number;
}

/** A data plane wants tokens of a key to hand out. */
export interface LeaseAsk {
  readonly scope: string;
  readonly key: string;
  readonly rate: number;
  readonly burst: number;
  /** 0 = only says how it stands. */
  readonly want: number;
  /** Tokens it still has, and may spend. */
  readonly have: number;
  /** Tokens it gives back and does not have any more. */
  readonly back: number;
}

export interface LeaseAnswer {
  readonly scope: string;
  readonly key: string;
  readonly granted: number;
  /** Until there is a token again, where fewer were granted than wanted. */
  readonly waitMs: number;
}

export type LimitsFromPlane =
  /** From now on it wants to hear. */
  | { readonly kind: "up" }
  | {
      readonly kind: "used";
      readonly shared: readonly KeyUse[];
      readonly split: readonly KeyUse[];
    }
  | { readonly kind: "ask"; readonly asks: readonly LeaseAsk[] }
  /** Said by the parent: its process ended. */
  | { readonly kind: "gone" };

export type LimitsToPlane =
  | {
      readonly kind: "elsewhere";
      readonly shared: readonly KeyElsewhere[];
      readonly split: readonly KeyElsewhere[];
    }
  | { readonly kind: "leases"; readonly answers: readonly LeaseAnswer[] }
  /** The part of each limit that is this node's side's to give (balanced) and this node's (split). */
  | { readonly kind: "reach"; readonly shared: number; readonly split: number };

/** Where data planes meet the node's part of limits; `plane` is a number that is never used twice. */
export interface LimitsHost {
  /** From now on `hear` gets what is meant for this plane, until it is said to be gone. */
  join(plane: number, hear: (message: LimitsToPlane) => void): void;
  heard(plane: number, message: LimitsFromPlane): void;
}

/** How often data planes say what they used, when they used anything. */
export const REPORT_USE_MS = 50;

/**
 * So much spent of a bucket that nobody else is known to spend from is told at once, in every process on its way: everyone
 * begins with a full bucket, and who hears of the others after 150 ms only gives a small burst once more. Of fewer than four
 * nothing is, so that this costs a message for four requests at most.
 */
export function isMuch(spent: number, burst: number): boolean {
  return spent >= 4 && spent >= burst / 32;
}

/** Told at once: what is much within so long goes together. */
export const AT_ONCE_MS = 5;
