/** How long a suspect has to refute: Lifeguard's rule, with a window for each class of evidence. */
import type { Evidence } from "./member.ts";

/** Bounds of one class, before they grow with the cluster. */
export interface SuspicionWindow {
  readonly minMs: number;
  readonly maxMs: number;
  /** Whether both grow with log10 of the live members, as messages then need longer to reach all. */
  readonly growsWithCluster: boolean;
}

export type SuspicionWindows = Readonly<Record<Evidence, SuspicionWindow>>;

/** More independent witnesses than this do not shorten a suspicion further. */
export const MAX_CONFIRMATIONS = 3;

/** How many others can confirm: everyone alive but the suspect and the first to suspect. */
export function confirmationsNeeded(live: number): number {
  return Math.max(0, Math.min(MAX_CONFIRMATIONS, live - 2));
}

/**
 * timeout = max - log(c) / log(k + 1) * (max - min), never below min; c distinct witnesses, the first included. With
 * nobody to ask (k < 1) it is min at once. (Lifeguard, "Local Health Aware Suspicion"; memberlist's suspicion.go.)
 */
export function suspicionTimeoutMs(
  window: SuspicionWindow,
  live: number,
  witnesses: number,
  capMs: number,
): number {
  const growth = window.growsWithCluster ? Math.max(1, Math.log10(live)) : 1;
  const minMs = window.minMs * growth;
  const maxMs = window.maxMs * growth;
  const needed = confirmationsNeeded(live);
  if (needed < 1) return minMs;
  const share = Math.log(witnesses) / Math.log(needed + 1);
  return Math.max(minMs, Math.min(capMs, maxMs - share * (maxMs - minMs)));
}
