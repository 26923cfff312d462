/**
 * Tokens lent to this process, by key. Enough are asked for to last a fifth of a second, in time before they run out; unused
 * ones go back. A key that was denied is denied from here until its owner said that there will be a token, so that what is
 * over the limit costs no messages.
 */
import type { Timers } from "@bifrost/shared/domain/time";
import type { LeaseAnswer, LeaseAsk } from "./limit-messages.ts";
import { UNKNOWN } from "./limiter.ts";
import { mostOwed } from "./token-buckets.ts";

/** What is asked for lasts so long. */
const LEASE_S = 0.2;
/** Below this part of it more is asked for. */
const LOW_WATER = 0.5;
/** An owner that had too few is asked again after this at the earliest. */
const COOL_DOWN_MS = 100;
/** So long before, it is: the answer takes its time. */
const EARLY_MS = 20;
/** Without an answer for so long, there is none: asked anew, and nobody waits longer. */
export const ANSWER_MS = 1000;
/** Tokens that lie idle go back. */
const IDLE_MS = 1000;
/** Demand is averaged over about this time. */
const DEMAND_MS = 300;
/** Asks in one message. */
const MAX_ASKS = 1024;
/** Keys of which leases are kept; of more, the ones used longest ago are forgotten, and their tokens with them. */
const MAX_KEYS = 65_536;
/** Asks of one moment go together. */
const GATHER_MS = 1;

interface Lease {
  readonly scope: string;
  readonly key: string;
  rate: number;
  burst: number;
  tokens: number;
  /** Requests a second. */
  demand: number;
  /** Requests since `countedAt`. */
  count: number;
  countedAt: number;
  /** When an answer that did not come yet was asked for; Infinity = none is due. */
  askedAt: number;
  wanted: number;
  /** Requests that got UNKNOWN since it was asked. */
  unknown: number;
  /** The last answer was less than was wanted, and more comes soon. */
  isShort: boolean;
  /** Nothing is asked before, and without tokens everything is denied. */
  deniedUntil: number;
  usedAt: number;
  waiting: (() => void)[];
}

export class LeaseHolder {
  private readonly timers: Timers;
  private readonly ask: (asks: readonly LeaseAsk[]) => void;
  private readonly leases = new Map<string, Map<string, Lease>>();
  private readonly toAsk = new Set<Lease>();
  private size = 0;
  private isGathering = false;
  private isSweeping = false;

  constructor(timers: Timers, ask: (asks: readonly LeaseAsk[]) => void) {
    this.timers = timers;
    this.ask = ask;
  }

  get keys(): number {
    return this.size;
  }

  spend(scope: string, key: string, rate: number, burst: number): number {
    const now = this.timers.now();
    const lease = this.leases.get(scope)?.get(key) ?? this.open(scope, key, now);
    lease.rate = rate;
    lease.burst = burst;
    lease.usedAt = now;
    lease.count++;
    if (lease.tokens >= 1) {
      lease.tokens--;
      if (lease.tokens < LOW_WATER * LEASE_S * lease.demand) this.askSoon(lease, now);
      return 0;
    }
    this.askSoon(lease, now);
    // What is over the limit is known to be until the next answer; its tokens are for requests that come then.
    const deniedMs = lease.deniedUntil - now;
    if (deniedMs > 0) return deniedMs / 1000;
    if (lease.isShort && lease.askedAt < Infinity) return EARLY_MS / 1000;
    lease.unknown++;
    return UNKNOWN;
  }

  /** Takes what was used already; what is missing is asked for before anything else passes. */
  charge(scope: string, key: string, tokens: number, rate: number, burst: number): void {
    const now = this.timers.now();
    const lease = this.leases.get(scope)?.get(key) ?? this.open(scope, key, now);
    [lease.rate, lease.burst, lease.usedAt] = [rate, burst, now];
    lease.count += tokens;
    lease.tokens = Math.max(-mostOwed(rate, burst), lease.tokens - tokens);
    this.askSoon(lease, now);
  }

  whenKnown(scope: string, key: string): Promise<void> {
    const lease = this.leases.get(scope)?.get(key);
    if (lease === undefined || !isUnknown(lease, this.timers.now())) return Promise.resolve();
    return new Promise((resolve) => void lease.waiting.push(resolve));
  }

  hear(answers: readonly LeaseAnswer[]): void {
    for (const answer of answers) this.take(answer);
  }

  private take({ scope, key, granted, waitMs }: LeaseAnswer): void {
    const lease = this.leases.get(scope)?.get(key);
    // Of a key that was forgotten meanwhile: its tokens are lost, which gives nobody too many.
    if (lease === undefined) return;
    lease.tokens += granted;
    const isShort = granted < lease.wanted;
    // One that is refilled slowly has a token at that moment, and whoever asks then is to wait for it.
    lease.isShort = isShort && waitMs <= COOL_DOWN_MS;
    this.settle(lease, isShort ? Math.max(waitMs, COOL_DOWN_MS) : 0);
  }

  private settle(lease: Lease, deniedMs: number): void {
    lease.askedAt = Infinity;
    lease.unknown = 0;
    lease.deniedUntil = this.timers.now() + deniedMs;
    const { waiting } = lease;
    lease.waiting = [];
    for (const go of waiting) go();
  }

  private askSoon(lease: Lease, now: number): void {
    const early = lease.isShort ? EARLY_MS : 0;
    if (lease.askedAt < Infinity || now < lease.deniedUntil - early) return;
    lease.askedAt = now;
    this.toAsk.add(lease);
    if (this.isGathering) return;
    this.isGathering = true;
    this.timers.after(GATHER_MS, () => this.askAll());
    this.sweepLater();
  }

  private askAll(): void {
    this.isGathering = false;
    const now = this.timers.now();
    const asks: LeaseAsk[] = [];
    for (const lease of this.toAsk) {
      if (asks.length === MAX_ASKS) break;
      this.toAsk.delete(lease);
      asks.push(askOf(lease, now));
    }
    if (asks.length > 0) this.ask(asks);
    if (this.toAsk.size === 0) return;
    this.isGathering = true;
    this.timers.after(GATHER_MS, () => this.askAll());
  }

  private open(scope: string, key: string, now: number): Lease {
    const lease: Lease = {
      scope,
      key,
      rate: 0,
      burst: 0,
      tokens: 0,
      demand: 0,
      count: 0,
      countedAt: now,
      askedAt: Infinity,
      wanted: 0,
      unknown: 0,
      isShort: false,
      deniedUntil: -Infinity,
      usedAt: now,
      waiting: [],
    };
    const leases = this.leases.get(scope) ?? new Map<string, Lease>();
    this.leases.set(scope, leases.set(key, lease));
    this.size++;
    return lease;
  }

  private sweepLater(): void {
    if (this.isSweeping) return;
    this.isSweeping = true;
    this.timers.after(IDLE_MS / 4, () => {
      this.isSweeping = false;
      this.sweep();
      if (this.size > 0) this.sweepLater();
    });
  }

  /** Answers that do not come are given up, idle tokens go back, and what is idle and empty is forgotten. */
  private sweep(): void {
    const now = this.timers.now();
    const back: LeaseAsk[] = [];
    for (const leases of this.leases.values()) {
      for (const lease of leases.values()) {
        if (lease.askedAt <= now - ANSWER_MS) this.settle(lease, ANSWER_MS);
        if (lease.askedAt < Infinity) continue;
        count(lease, now);
        const isIdle = lease.usedAt <= now - IDLE_MS;
        const spare = isIdle ? lease.tokens : spareOf(lease);
        if (spare > 0 && back.length < MAX_ASKS) back.push(returned(lease, spare));
        if (isIdle && lease.tokens <= 0 && lease.deniedUntil <= now) this.forget(leases, lease);
      }
    }
    if (back.length > 0) this.ask(back);
    this.makeRoom(now);
  }

  private makeRoom(now: number): void {
    if (this.size <= MAX_KEYS) return;
    for (const leases of this.leases.values()) {
      for (const lease of leases.values()) {
        if (this.size <= MAX_KEYS / 2) return;
        if (!isUnknown(lease, now)) this.forget(leases, lease);
      }
    }
  }

  private forget(leases: Map<string, Lease>, { scope, key }: Lease): void {
    leases.delete(key);
    this.size--;
    if (leases.size === 0) this.leases.delete(scope);
  }
}

function isUnknown(lease: Lease, now: number): boolean {
  return lease.tokens < 1 && !lease.isShort && now >= lease.deniedUntil && lease.askedAt < Infinity;
}

function askOf(lease: Lease, now: number): LeaseAsk {
  const { scope, key, rate, burst, tokens } = lease;
  count(lease, now);
  const lasting = Math.ceil(lease.demand * LEASE_S) - tokens;
  lease.wanted = Math.max(1, Math.min(Math.max(lasting, lease.unknown), Math.ceil(burst)));
  return { scope, key, rate, burst, want: lease.wanted, have: Math.max(0, tokens), back: 0 };
}

function count(lease: Lease, now: number): void {
  const ms = Math.max(1, now - lease.countedAt);
  // Of the first moments little is known: they count for what they are.
  const weight = 1 - Math.exp(-ms / DEMAND_MS);
  lease.demand += weight * ((lease.count * 1000) / ms - lease.demand);
  lease.count = 0;
  lease.countedAt = now;
}

/** What is not needed any more since demand went down. */
function spareOf({ tokens, demand }: Lease): number {
  const spare = Math.floor(tokens - demand * LEASE_S);
  return spare > tokens / 2 ? spare : 0;
}

function returned(lease: Lease, back: number): LeaseAsk {
  const { scope, key, rate, burst } = lease;
  lease.tokens -= back;
  return { scope, key, rate, burst, want: 0, have: Math.max(0, lease.tokens), back };
}
