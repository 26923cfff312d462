/**
 * How this node stands in its cluster, as limits see it: who takes part, who is known, and who owns a key.
 *
 * A process that was seen to be gone, or said goodbye, is forgotten at once: it spends nothing. One that is silent may be cut
 * off and go on spending: it stays known for long, and the limits of this side are the smaller for it.
 */
import type { Member, NodeId } from "../gossip/member.ts";
import type { KeyHash } from "./key-counts.ts";

/**
 * A silent owner lends for at most VOTE_MS after the others last spoke for it; its keys pass on when that is surely over.
 */
export const VOTE_MS = 1000;
export const TAKEOVER_MS = VOTE_MS + 500;

interface Standings {
  readonly mixed: number;
  /** When it fell silent; null = it takes part. */
  silentSince: number | null;
}

export interface Owner {
  /** null = nobody lends it now: the one that does, `silent`, may be cut off and go on. */
  readonly owner: NodeId | null;
  readonly silent: NodeId | null;
  /** Until somebody does. */
  readonly waitMs: number;
  /** Who would own it next. */
  readonly next: NodeId | null;
}

export class Standing {
  readonly self: NodeId;
  /** When this node began, or somebody last came or went. */
  changedAt: number;
  private readonly keepMs: number;
  private readonly known = new Map<NodeId, Standings>();

  constructor(self: NodeId, keepMs: number, now: number) {
    this.self = self;
    this.keepMs = keepMs;
    this.changedAt = now;
    this.known.set(self, { mixed: textHash(self), silentSince: null });
  }

  /** Whether anything changed. */
  see({ id, state, evidence }: Member, now: number): boolean {
    if (id === this.self) return false;
    const known = this.known.get(id);
    if (state === "alive") {
      if (known?.silentSince === null) return false;
      this.known.set(id, { mixed: textHash(id), silentSince: null });
    } else if (state === "left" || evidence === "refused") {
      if (!this.known.delete(id)) return false;
    } else if (known === undefined || known.silentSince !== null) return false;
    else known.silentSince = now;
    this.changedAt = now;
    return true;
  }

  /** Forgets who has been silent for too long. Whether anything changed. */
  sweep(now: number): boolean {
    const before = this.known.size;
    for (const [id, { silentSince }] of this.known) {
      if (silentSince !== null && silentSince <= now - this.keepMs) this.known.delete(id);
    }
    return this.known.size !== before;
  }

  /** This node lends nothing any more. */
  leave(): void {
    this.known.delete(this.self);
  }

  get isLeaving(): boolean {
    return !this.known.has(this.self);
  }

  isLive(id: NodeId): boolean {
    return this.known.get(id)?.silentSince === null;
  }

  /** It may be cut off and go on. */
  isSilent(id: NodeId): boolean {
    return (this.known.get(id)?.silentSince ?? null) !== null;
  }

  /** The others that take part. */
  get others(): readonly NodeId[] {
    return [...this.known.keys()].filter((id) => id !== this.self && this.isLive(id));
  }

  get size(): number {
    return this.known.size;
  }

  /** The part of every limit that is for this side of the cluster. */
  get reach(): number {
    const live = [...this.known.values()].filter(({ silentSince }) => silentSince === null);
    return this.known.size === 0 ? 1 : live.length / this.known.size;
  }

  /** When this key passed on from an owner that is silent, and may go on lending; null = it did not. */
  takenOverAt(hash: KeyHash): number | null {
    const mixed = bytesHash(hash);
    let first: Ranked | null = null;
    for (const [id, { silentSince, mixed: own }] of this.known) {
      const ranked = { id, silentSince, score: mix(mixed ^ own) };
      if (first === null || isBefore(ranked, first)) first = ranked;
    }
    const silentSince = first?.silentSince ?? null;
    return silentSince === null ? null : silentSince + TAKEOVER_MS;
  }

  /** The one that all who see the same cluster come to (rendezvous hashing). */
  ownerOf(hash: KeyHash, now: number): Owner {
    const mixed = bytesHash(hash);
    let [first, second]: [Ranked | null, Ranked | null] = [null, null];
    for (const [id, standings] of this.known) {
      const { silentSince } = standings;
      if (silentSince !== null && silentSince <= now - TAKEOVER_MS) continue;
      const ranked = { id, silentSince, score: mix(mixed ^ standings.mixed) };
      if (first === null || isBefore(ranked, first)) [first, second] = [ranked, first];
      else if (second === null || isBefore(ranked, second)) second = ranked;
    }
    const next = second?.id ?? null;
    if (first === null) return { owner: null, silent: null, waitMs: TAKEOVER_MS, next };
    const { id, silentSince } = first;
    if (silentSince === null) return { owner: id, silent: null, waitMs: 0, next };
    return { owner: null, silent: id, waitMs: silentSince + TAKEOVER_MS - now, next };
  }
}

interface Ranked {
  readonly id: NodeId;
  readonly silentSince: number | null;
  readonly score: number;
}

function isBefore(a: Ranked, b: Ranked): boolean {
  return a.score > b.score || (a.score === b.score && a.id < b.id);
}

/** FNV-1a. */
function textHash(text: string): number {
  return bytesHash(Buffer.from(text).toString("latin1"));
}

function bytesHash(bytes: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes.charCodeAt(i), 0x01000193);
  return mix(hash);
}

/** The finalizer of MurmurHash3: every bit of the input changes half of the output. */
function mix(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
