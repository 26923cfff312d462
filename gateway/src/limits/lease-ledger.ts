/**
 * The buckets of strict limits at their owner. Tokens are spent when they are lent: what all holders have and had together
 * never exceeds the burst and what time gave. Lent tokens still take up room in the bucket, so that holding them gains
 * nothing; only where a burst is smaller than what flows in a moment may the two together be more.
 */
import type { KeyHash } from "./key-counts.ts";

/** Who borrows: one data plane of one node. */
export type Holder = string;

export interface AccountAsk {
  readonly rate: number;
  readonly burst: number;
  readonly want: number;
  readonly have: number;
  readonly back: number;
}

export interface Granted {
  readonly granted: number;
  readonly waitMs: number;
}

/** Tokens that were lent this long ago and not asked about since are spent or given back. */
const HELD_MS = 3000;
/** What was wanted this long ago is wanted still. */
const WANTED_MS = 300;
/** What is lent may be as much as flows in this time, however small the burst. */
const FLOW_S = 0.3;

interface Account {
  rate: number;
  burst: number;
  level: number;
  filledAt: number;
  usedAt: number;
  readonly held: Map<Holder, Held>;
}

interface Held {
  readonly tokens: number;
  readonly at: number;
  readonly wanted: number;
}

export class LeaseLedger {
  private readonly accounts = new Map<KeyHash, Account>();
  private part = 1;

  get size(): number {
    return this.accounts.size;
  }

  has(hash: KeyHash): boolean {
    return this.accounts.has(hash);
  }

  keys(): IterableIterator<KeyHash> {
    return this.accounts.keys();
  }

  /** The part of each limit that may be given out from now on; what time gave until now is given by the former one. */
  setPart(part: number, now: number): void {
    if (part === this.part) return;
    for (const account of this.accounts.values()) this.fill(account, now);
    this.part = part;
  }

  /** `share`: of the burst, with what the account begins; 0 = empty. */
  open(hash: KeyHash, limit: { rate: number; burst: number }, share: number, now: number): void {
    const level = share === 0 ? 0 : Math.max(1, limit.burst * share);
    this.restore(hash, limit, level, now);
  }

  restore(
    hash: KeyHash,
    { rate, burst }: { rate: number; burst: number },
    level: number,
    now: number,
  ): void {
    const account = { rate, burst, level, filledAt: now, usedAt: now, held: new Map() };
    this.accounts.set(hash, account);
  }

  /** Of an account that is open. */
  ask(hash: KeyHash, holder: Holder, ask: AccountAsk, now: number): Granted {
    const account = this.accounts.get(hash);
    if (account === undefined) throw new Error("an account is opened before it is asked");
    account.rate = ask.rate;
    account.burst = ask.burst;
    account.usedAt = now;
    this.fill(account, now);
    account.level = Math.min(this.burstOf(account), account.level + ask.back);
    const granted = Math.min(ask.want, fairly(account, holder, ask.want));
    account.level -= granted;
    account.held.set(holder, { tokens: ask.have + granted, at: now, wanted: ask.want });
    if (granted >= ask.want) return { granted, waitMs: 0 };
    return {
      granted,
      waitMs: Math.ceil((Math.max(0, 1 - account.level) / this.rateOf(account)) * 1000),
    };
  }

  /** Whether it was asked about within `ms`. */
  isUsed(hash: KeyHash, ms: number, now: number): boolean {
    return (this.accounts.get(hash)?.usedAt ?? -Infinity) > now - ms;
  }

  /** What another owner is to go on with; the account is closed. null = there is none. */
  handOver(hash: KeyHash, now: number): { rate: number; burst: number; level: number } | null {
    const account = this.accounts.get(hash);
    if (account === undefined) return null;
    this.fill(account, now);
    this.accounts.delete(hash);
    const { rate, burst, level } = account;
    return { rate, burst, level };
  }

  limitOf(hash: KeyHash): { rate: number; burst: number } | null {
    return this.accounts.get(hash) ?? null;
  }

  /** Its tokens are spent, as far as anyone knows. */
  gone(isGone: (holder: Holder) => boolean): void {
    for (const { held } of this.accounts.values()) {
      for (const holder of held.keys()) if (isGone(holder)) held.delete(holder);
    }
  }

  /** Closes accounts that are full and of which nothing is lent. */
  sweep(now: number): void {
    for (const [hash, account] of this.accounts) {
      this.fill(account, now);
      const isFull = account.level >= this.burstOf(account);
      if (isFull && account.held.size === 0 && account.usedAt < now - HELD_MS) {
        this.accounts.delete(hash);
      }
    }
  }

  private fill(account: Account, now: number): void {
    const seconds = Math.max(0, now - account.filledAt) / 1000;
    let lent = 0;
    for (const [holder, { tokens, at }] of account.held) {
      if (at < now - (tokens === 0 ? WANTED_MS : HELD_MS)) account.held.delete(holder);
      else lent += tokens;
    }
    const rate = this.rateOf(account);
    const burst = this.burstOf(account);
    const room = Math.min(burst, Math.max(burst, rate * FLOW_S) - lent);
    account.level = Math.max(account.level, Math.min(room, account.level + seconds * rate));
    account.filledAt = now;
  }

  private rateOf({ rate }: Account): number {
    return rate * this.part;
  }

  private burstOf({ burst }: Account): number {
    return Math.max(1, burst * this.part);
  }
}

/**
 * Of what is there, as much as a holder's part of all that is wanted, and the more of the rest the fuller the bucket is; a
 * whole token at least, while there is one.
 */
function fairly({ level, burst, held }: Account, holder: Holder, want: number): number {
  const whole = Math.floor(level + 1e-9);
  if (whole <= 0) return 0;
  let wanted = want;
  for (const [other, one] of held) if (other !== holder) wanted += one.wanted;
  const part = want / Math.max(1, wanted);
  const fullness = Math.min(1, level / burst);
  return Math.max(1, Math.floor(whole * (part + (1 - part) * fullness)));
}
