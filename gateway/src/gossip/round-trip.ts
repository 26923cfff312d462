/** What a node measures of the way to one other: round-trip time, loss, and whether its health checks pass. */
export interface HealthThresholds {
  /** An answer that takes longer is none. */
  readonly timeoutMs: number;
  readonly successThreshold: number;
  readonly failureThreshold: number;
}

export type PeerHealth = "healthy" | "sick" | "unknown";

export interface LinkRecord {
  /** Smoothed, in ms; null = not measured yet. */
  roundTripMs: number | null;
  /** Of the last probes sent straight to it that were answered or given up: 1 = given up, the newest in the lowest bit. */
  lost: number;
  /** How many of the bits count. */
  probes: number;
  health: PeerHealth;
  /** Checks in a row with the same outcome. */
  passed: number;
  failed: number;
  /** Sent and not answered yet, the oldest first. */
  readonly pending: { readonly seq: number; readonly at: number }[];
}

/** Probes that the loss is taken over. */
const LOSS_PROBES = 20;
const LOSS_MASK = 2 ** LOSS_PROBES - 1;
/** Weight of a new sample, as for TCP's smoothed round-trip time (RFC 6298). */
const SMOOTHING = 1 / 8;
const MAX_PENDING = 64;

export function newLinkRecord(): LinkRecord {
  return {
    roundTripMs: null,
    lost: 0,
    probes: 0,
    health: "unknown",
    passed: 0,
    failed: 0,
    pending: [],
  };
}

/** A probe goes out; those that waited longer than the timeout have failed. */
export function probeSent(
  record: LinkRecord,
  seq: number,
  now: number,
  thresholds: HealthThresholds,
): void {
  while (record.pending.length >= MAX_PENDING) giveUpOldest(record, thresholds);
  while ((record.pending[0]?.at ?? now) + thresholds.timeoutMs < now) {
    giveUpOldest(record, thresholds);
  }
  record.pending.push({ seq, at: now });
}

/** An answer straight from it, however late. Answers the round trip; null = nobody waited for this. */
export function probeAnswered(
  record: LinkRecord,
  seq: number,
  now: number,
  thresholds: HealthThresholds,
): number | null {
  const index = record.pending.findIndex((one) => one.seq === seq);
  const probe = record.pending[index];
  if (probe === undefined) return null;
  record.pending.splice(index, 1);
  const took = now - probe.at;
  record.roundTripMs =
    record.roundTripMs === null
      ? took
      : record.roundTripMs + SMOOTHING * (took - record.roundTripMs);
  count(record, took <= thresholds.timeoutMs, thresholds);
  return took;
}

/** 0 to 1. */
export function lossOf(record: LinkRecord): number {
  if (record.probes === 0) return 0;
  let bits = 0;
  for (let word = record.lost; word !== 0; word &= word - 1) bits++;
  return bits / record.probes;
}

function giveUpOldest(record: LinkRecord, thresholds: HealthThresholds): void {
  record.pending.shift();
  count(record, false, thresholds);
}

function count(record: LinkRecord, passed: boolean, thresholds: HealthThresholds): void {
  record.lost = ((record.lost << 1) | (passed ? 0 : 1)) & LOSS_MASK;
  record.probes = Math.min(LOSS_PROBES, record.probes + 1);
  record.passed = passed ? record.passed + 1 : 0;
  record.failed = passed ? 0 : record.failed + 1;
  if (record.failed >= thresholds.failureThreshold) record.health = "sick";
  const isEnough = record.passed >= thresholds.successThreshold;
  if (isEnough || (passed && record.health === "unknown")) record.health = "healthy";
}
