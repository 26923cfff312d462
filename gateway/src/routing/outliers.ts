/**
 * Passive health: which replicas are set aside for what became of the requests they got. Decides from the results and
 * an injected clock alone.
 */
import type { Clock } from "@bifrost/shared/domain/time";

/**
 * `refused`: no connection. `failed`: cut off, no HTTP, or out of time. `unavailable`: the app itself answered 502, 503
 * or 504, which may be true of one path alone.
 */
export type AttemptResult = "answered" | "unavailable" | "failed" | "refused";

/** Strikes in a row that set an address aside: one refusal is certain, failures need three, the app's own word five. */
const EJECTING_STRIKES = 15;
const STRIKES: Readonly<Record<Exclude<AttemptResult, "answered">, number>> = {
  refused: 15,
  failed: 5,
  unavailable: 3,
};

/** First time aside: about what an EndpointSlice needs to catch up. Doubles each time, up to the longest. */
const FIRST_EJECTION_MS = 2000;
const LONGEST_EJECTION_MS = 60_000;
/** A probe that has not ended after so long counts for nothing, and another request may be the next one. */
const PROBE_MS = 10_000;

interface Suspect {
  strikes: number;
  /** How often it was set aside without having been good for the longest ejection since. */
  ejections: number;
  /** Until when it is aside, proof that it is good again included; 0 = it is not. */
  until: number;
  /** Until when the probe under way may take. */
  probeUntil: number;
  goodSince: number;
}

/** `probe`: its time aside is over and no request has proved it good: give it one. */
export type Standing = "good" | "probe" | "ejected";

export class Outliers {
  private readonly clock: Clock;
  private readonly suspects = new Map<string, Suspect>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get isEmpty(): boolean {
    return this.suspects.size === 0;
  }

  report(address: string, result: AttemptResult): void {
    if (result === "answered") return this.proveGood(address);
    const now = this.clock.now();
    let suspect = this.suspects.get(address);
    if (suspect === undefined) {
      suspect = { strikes: 0, ejections: 0, until: 0, probeUntil: 0, goodSince: now };
      this.suspects.set(address, suspect);
    }
    // Of requests that were under way when it was set aside, or that had no other address left.
    if (now < suspect.until) return;
    suspect.strikes += STRIKES[result];
    if (suspect.until > 0 || suspect.strikes >= EJECTING_STRIKES) eject(suspect, now);
  }

  standing(address: string): Standing {
    const suspect = this.suspects.get(address);
    if (suspect === undefined || suspect.until === 0) return "good";
    const now = this.clock.now();
    return now < suspect.until || now < suspect.probeUntil ? "ejected" : "probe";
  }

  /** When its time aside ends, which may be over; 0 = it is not aside. */
  ejectedUntil(address: string): number {
    return this.suspects.get(address)?.until ?? 0;
  }

  /** A request is on its way to an address whose standing is `probe`. */
  probe(address: string): void {
    const suspect = this.suspects.get(address);
    if (suspect !== undefined) suspect.probeUntil = this.clock.now() + PROBE_MS;
  }

  retain(addresses: ReadonlySet<string>): void {
    for (const address of this.suspects.keys()) {
      if (!addresses.has(address)) this.suspects.delete(address);
    }
  }

  /** An answer ends the strikes; how often it was set aside is remembered while that may happen again soon. */
  private proveGood(address: string): void {
    const suspect = this.suspects.get(address);
    if (suspect === undefined) return;
    const now = this.clock.now();
    if (now < suspect.until) return;
    if (suspect.until > 0) suspect.goodSince = now;
    suspect.until = 0;
    suspect.strikes = 0;
    const isForgotten = now - suspect.goodSince >= LONGEST_EJECTION_MS;
    if (suspect.ejections === 0 || isForgotten) this.suspects.delete(address);
  }
}

function eject(suspect: Suspect, now: number): void {
  const time = Math.min(FIRST_EJECTION_MS * 2 ** suspect.ejections, LONGEST_EJECTION_MS);
  suspect.ejections++;
  suspect.strikes = 0;
  suspect.until = now + time;
  suspect.probeUntil = 0;
}
