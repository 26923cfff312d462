/** What the simulated network does to packets and streams; the same for whatever protocol runs on it. */
import type { Address } from "../member.ts";
import { nextRandom, type RandomState } from "../random.ts";

export interface NetworkConditions {
  /** One way: at least this, and on average `jitterMs` more (exponential), so that packets overtake each other. */
  readonly delayMs: number;
  readonly jitterMs: number;
  /** Share of packets lost, 0 to 1. */
  readonly loss: number;
  /** Share of packets that arrive twice. */
  readonly duplicates: number;
  /** Share of checks and push-pulls over streams that fail. Retransmission would make it less than the loss suggests. */
  readonly streamLoss: number;
}

export const GOOD_NETWORK: NetworkConditions = {
  delayMs: 0.2,
  jitterMs: 0.3,
  loss: 0,
  duplicates: 0,
  streamLoss: 0,
};

export class SimulatedNetwork {
  conditions: NetworkConditions;
  packets = 0;
  packetBytes = 0;
  largestPacket = 0;
  private readonly random: RandomState;
  private readonly cuts = new Set<string>();

  constructor(conditions: NetworkConditions, random: RandomState) {
    this.conditions = conditions;
    this.random = random;
  }

  /** One direction only. */
  cut(from: Address, to: Address): void {
    this.cuts.add(`${from}>${to}`);
  }

  healAll(): void {
    this.cuts.clear();
  }

  isCut(from: Address, to: Address): boolean {
    return this.cuts.size > 0 && this.cuts.has(`${from}>${to}`);
  }

  delay(): number {
    const { delayMs, jitterMs } = this.conditions;
    return delayMs - jitterMs * Math.log(1 - nextRandom(this.random));
  }

  /** After which delays copies of a packet arrive; none of one that is lost. */
  arrivals(from: Address, to: Address, bytes: number): number[] {
    this.packets++;
    this.packetBytes += bytes;
    this.largestPacket = Math.max(this.largestPacket, bytes);
    if (this.isCut(from, to) || this.happens(this.conditions.loss)) return [];
    return this.happens(this.conditions.duplicates) ? [this.delay(), this.delay()] : [this.delay()];
  }

  /** Whether a stream between the two comes about: both directions must work. */
  connects(from: Address, to: Address): boolean {
    if (this.isCut(from, to) || this.isCut(to, from)) return false;
    return !this.happens(this.conditions.streamLoss);
  }

  private happens(share: number): boolean {
    return share > 0 && nextRandom(this.random) < share;
  }
}
