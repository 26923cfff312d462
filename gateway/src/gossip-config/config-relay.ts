/**
 * Configuration between nodes, on the channel `config`: a change is broadcast at once, and sets that differ are found and
 * evened out by push-pull, so that a node that is cut off from its store hears of every change, and of none that goes back.
 */
import type { ConfigDocument } from "@bifrost/shared/domain/config-document";
import {
  type ConfigVersion,
  configVersion,
  laterOf,
  timeOf,
  versionAfter,
} from "@bifrost/shared/domain/config-version";
import { messageOf } from "@bifrost/shared/domain/errors";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { NodeId } from "../gossip/member.ts";
import type { Membership } from "../gossip/membership.ts";
import { BUCKETS, ConfigSet, DIGEST_BYTES } from "./config-set.ts";
import {
  type ConfigEntry,
  type ConfigSigner,
  type ConfigVerifier,
  decodeEntries,
  documentOf,
  encodeEntries,
} from "./signed-entry.ts";

/** What this node's own store holds of one kind. */
export interface OwnDocuments {
  readonly kind: string;
  /** Those that changed, or all of them. */
  readonly documents: readonly ConfigDocument[];
  /** Gone since they were told. */
  readonly removed: readonly string[];
  readonly isAll: boolean;
  /** What has an earlier version and is not among them was deleted. */
  readonly asOf: ConfigVersion;
}

export interface ToldDocument {
  readonly kind: string;
  readonly document: ConfigDocument;
}

export interface ConfigRelayParts {
  readonly membership: Membership;
  /** null = this node passes on what others signed. */
  readonly signer: ConfigSigner | null;
  readonly verifier: ConfigVerifier;
  readonly timers: Timers;
  readonly random: () => number;
  readonly log: Logger;
  /** Documents that are newer than what was told before. */
  readonly onDocuments: (documents: readonly ToldDocument[]) => void;
}

/** A clock that is further ahead would make a version that nothing could ever replace. */
const MOST_AHEAD_MS = 600_000;
/** What is older came with a start, not with a change: push-pull evens it out. */
const FRESH_MS = 10_000;
/** Every node hears of a change from its store at once: the first to tell spares the others the words. */
const SPREAD_MS = 20;
const REQUEST_MS = 5000;
/** Between two lines of the log about what was refused. */
const QUIET_MS = 60_000;
/** Of an answer; at least one bucket goes into each. */
const ANSWER_BYTES = 1024 * 1024;

const MESSAGE = { entries: 1, news: 2 } as const;
const QUESTION = { digests: 1, buckets: 2 } as const;

interface Own {
  readonly ids: Set<string>;
  readonly asOf: ConfigVersion;
}

export class ConfigRelay {
  private readonly parts: ConfigRelayParts;
  private readonly set = new ConfigSet();
  private readonly own = new Map<string, Own>();
  private readonly syncing = new Set<NodeId>();
  private refused = 0;
  private quietUntil = 0;

  constructor(parts: ConfigRelayParts) {
    this.parts = parts;
    parts.membership.on("config", {
      onMessage: (from, body) => this.onMessage(from, body),
      onRequest: (_, body) => Promise.resolve(this.answer(body)),
      state: () => (this.set.size === 0 ? new Uint8Array() : this.set.digest()),
      onState: (from, digest) => this.onState(from, digest),
    });
  }

  /** For the status: documents, and entries that were refused. */
  counters(): { readonly documents: number; readonly refused: number } {
    return { documents: this.set.size, refused: this.refused };
  }

  /** The newest of each kind. */
  versions(): Readonly<Record<string, ConfigVersion>> {
    const newest = new Map<string, ConfigVersion>();
    for (const { kind, version } of this.set.all())
      newest.set(kind, laterOf(version, newest.get(kind) ?? version));
    return Object.fromEntries(newest);
  }

  /** Takes what this node's own store tells; without a signer it is nobody else's business. */
  offer({ kind, documents, removed, isAll, asOf }: OwnDocuments): void {
    const { signer } = this.parts;
    if (signer === null) return;
    // Changes to what was never told whole say nothing about what is gone.
    const ids = isAll ? new Set<string>() : this.own.get(kind)?.ids;
    if (ids !== undefined) {
      for (const id of removed) ids.delete(id);
      for (const { id, value } of documents) {
        if (value === null) ids.delete(id);
        else ids.add(id);
      }
      this.own.set(kind, { ids, asOf });
    }
    const newer = documents.filter(
      ({ id, version }) => version > (this.set.get(kind, id)?.version ?? ""),
    );
    const signed = newer.map((document) => signer.sign(kind, document));
    this.spread(this.merge([...signed, ...this.buried(signer, kind)]));
  }

  /**
   * What others hold and the store does not any more. The version follows from the one that was deleted, so that all who
   * find out make the same entry.
   */
  private buried(signer: ConfigSigner, kind: string): readonly ConfigEntry[] {
    const own = this.own.get(kind);
    if (own === undefined) return [];
    const gone = [...this.set.all()].filter(
      (entry) =>
        entry.kind === kind &&
        entry.json !== null &&
        entry.version < own.asOf &&
        !own.ids.has(entry.id),
    );
    return gone.map(({ id, version }) =>
      signer.sign(kind, { id, version: versionAfter(version, 0), value: null }),
    );
  }

  /** Answers what was news, and tells it. */
  private merge(entries: readonly ConfigEntry[]): readonly ConfigEntry[] {
    const news = entries.filter((entry) => this.set.merge(entry));
    if (news.length > 0) this.parts.onDocuments(news.map(toldOf));
    return news;
  }

  private spread(news: readonly ConfigEntry[]): void {
    const { timers, random } = this.parts;
    const fresh = configVersion(timers.now() - FRESH_MS);
    const changed = news.filter(({ version }) => version > fresh);
    if (changed.length === 0) return;
    timers.after(random() * SPREAD_MS, () => this.broadcast(changed));
  }

  private broadcast(entries: readonly ConfigEntry[]): void {
    const { membership } = this.parts;
    const bodies = entries.map((entry) => framed(MESSAGE.entries, encodeEntries([entry])));
    const small = bodies.filter((body) => body.byteLength <= membership.maxMessageBytes);
    for (const body of small) membership.broadcast("config", body);
    if (small.length < bodies.length) {
      membership.broadcast("config", framed(MESSAGE.news, this.set.digest()));
    }
  }

  private onMessage(from: NodeId, body: Uint8Array): void {
    if (body[0] === MESSAGE.entries) this.take(decodeEntries(body.subarray(1)));
    else if (body[0] === MESSAGE.news) this.onState(from, body.subarray(1));
  }

  private onState(from: NodeId, digest: Uint8Array): void {
    if (digest.byteLength !== DIGEST_BYTES || this.syncing.has(from)) return;
    if (Buffer.from(digest).equals(this.set.digest())) return;
    this.syncing.add(from);
    this.sync(from)
      .catch((error: unknown) =>
        this.parts.log.debug("configuration not compared", { from, error: messageOf(error) }),
      )
      .finally(() => this.syncing.delete(from));
  }

  /** Takes what the other has and this node does not; the other does the same for itself. */
  private async sync(from: NodeId): Promise<void> {
    const digests = await this.ask(from, Uint8Array.of(QUESTION.digests));
    let wanted = this.set.differing(digests);
    while (wanted.length > 0) {
      const answer = await this.ask(from, Uint8Array.of(QUESTION.buckets, ...wanted));
      const covered = answer[0] ?? 0;
      this.take(decodeEntries(answer.subarray(1)));
      // Counted from one bucket on, so that a node that answers nonsense is not asked for ever.
      wanted = wanted.slice(covered + 1);
    }
  }

  private ask(from: NodeId, question: Uint8Array): Promise<Uint8Array> {
    return this.parts.membership.request(from, "config", question, REQUEST_MS);
  }

  private answer(question: Uint8Array): Uint8Array {
    if (question[0] === QUESTION.digests) return this.set.bucketDigests();
    const entries: ConfigEntry[] = [];
    let [bytes, covered] = [0, 0];
    for (const bucket of question.subarray(1, BUCKETS + 1)) {
      const found = this.set.of(bucket);
      const more = found.reduce((sum, { json }) => sum + (json?.length ?? 0) + 400, 0);
      if (covered > 0 && bytes + more > ANSWER_BYTES) break;
      entries.push(...found);
      bytes += more;
      covered += 1;
    }
    return framed(Math.max(0, covered - 1), encodeEntries(entries));
  }

  /** From another node: believed as far as it is signed. */
  private take(entries: readonly ConfigEntry[]): void {
    const latest = configVersion(this.parts.timers.now() + MOST_AHEAD_MS);
    // What is known needs no second look at its signature.
    const news = entries.filter(({ kind, id, version, signature }) => {
      const known = this.set.get(kind, id);
      return known === undefined || (version >= known.version && signature !== known.signature);
    });
    const believed = news.filter((entry) => this.isBelieved(entry, latest));
    this.merge(believed);
    const { signer } = this.parts;
    if (signer === null) return;
    const kinds = new Set(believed.map(({ kind }) => kind));
    for (const kind of kinds) this.merge(this.buried(signer, kind));
  }

  private isBelieved(entry: ConfigEntry, latest: ConfigVersion): boolean {
    const { kind, id, version } = entry;
    const document = `${kind}/${id}`;
    if (version > latest) {
      const at = new Date(timeOf(version)).toISOString();
      const remedy = "set the clocks of all nodes and of the store by NTP";
      this.refuse("configuration from the future refused", { document, at, remedy });
      return false;
    }
    if (this.parts.verifier.isSigned(entry)) return true;
    const remedy = "BIFROST_CONFIG_PUBLIC_KEY must belong to the key that signs, on every node";
    this.refuse("configuration refused: not signed by the trusted key", { document, remedy });
    return false;
  }

  /** Whoever sends one sends many. */
  private refuse(why: string, facts: Readonly<Record<string, string>>): void {
    const { timers, log } = this.parts;
    this.refused += 1;
    if (timers.now() < this.quietUntil) return;
    this.quietUntil = timers.now() + QUIET_MS;
    log.warn(why, { ...facts, refused: this.refused });
  }
}

function toldOf(entry: ConfigEntry): ToldDocument {
  return { kind: entry.kind, document: documentOf(entry) };
}

function framed(first: number, body: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(first), body]);
}
