/** What nodes tell each other of limits, in bytes. Reading throws MalformedBytes where it is none of these. */
import { ByteReader, ByteWriter, MalformedBytes } from "../gossip/bytes.ts";
import type { KeyHash, TotalUse } from "./key-counts.ts";
import type { AccountAsk, Granted } from "./lease-ledger.ts";

/** What one start of one node is known to have used. */
export interface StartTotals {
  readonly node: string;
  readonly epoch: number;
  /** The node's, when it counted. */
  readonly clock: number;
  readonly totals: readonly TotalUse[];
}

export interface KeyLimit {
  readonly hash: KeyHash;
  readonly rate: number;
  readonly burst: number;
}

export type LimitPacket =
  | { readonly kind: "counts"; readonly starts: readonly StartTotals[] }
  /** Who gets it is asked to speak for the sender. */
  | { readonly kind: "poll"; readonly at: number }
  | { readonly kind: "vote"; readonly at: number }
  /** Keys that the sender lends, to who would own them next. */
  | { readonly kind: "lent"; readonly keys: readonly KeyLimit[] };

export interface WireAsk extends AccountAsk {
  readonly hash: KeyHash;
  readonly plane: number;
}

export interface Account extends KeyLimit {
  readonly level: number;
}

export type LimitRequest =
  | { readonly kind: "ask"; readonly asks: readonly WireAsk[] }
  /** The sender begins to lend these: whoever lent them hands them over. */
  | { readonly kind: "claim"; readonly keys: readonly KeyHash[] }
  /** The sender lends these no more. */
  | { readonly kind: "hand-over"; readonly accounts: readonly Account[] };

/** null = not by this node, or not now. */
export type WireGrant = Granted | null;

/** `lent`: somebody else lent it, how much is not known. */
export type Claimed = { readonly level: number } | "lent" | "unknown";

const [COUNTS, POLL, VOTE, LENT, ASK, CLAIM, HAND_OVER] = [1, 2, 3, 4, 5, 6, 7];
const HASH_BYTES = 8;
const NAME_BYTES = 64;
/** Items of any list. */
const MOST_ITEMS = 65_536;
/** Of one item of counts, at most; and of what comes before them. */
export const COUNT_BYTES = 1 + HASH_BYTES + 2 * 4 + 3 * 8;
export const HEAD_BYTES = 2 + NAME_BYTES + 1 + 2 * 8 + 4;
export const KEY_BYTES = 1 + HASH_BYTES + 2 * 4;
/** Levels are told in thousandths. */
const LEVEL = 1000;

export function encodePacket(packet: LimitPacket): Uint8Array {
  const out = new ByteWriter();
  switch (packet.kind) {
    case "counts":
      list(out.byte(COUNTS), packet.starts, writeStart);
      break;
    case "poll":
      out.byte(POLL).varint(packet.at);
      break;
    case "vote":
      out.byte(VOTE).varint(packet.at);
      break;
    case "lent":
      list(out.byte(LENT), packet.keys, writeKey);
      break;
  }
  return out.bytes();
}

export function decodePacket(bytes: Uint8Array): LimitPacket {
  const from = new ByteReader(bytes);
  const kind = from.byte();
  if (kind === COUNTS) return { kind: "counts", starts: listOf(from, readStart) };
  if (kind === POLL) return { kind: "poll", at: from.varint() };
  if (kind === VOTE) return { kind: "vote", at: from.varint() };
  if (kind === LENT) return { kind: "lent", keys: listOf(from, readKey) };
  throw new MalformedBytes(`there is no packet ${kind} of limits`);
}

export function encodeRequest(request: LimitRequest): Uint8Array {
  const out = new ByteWriter();
  if (request.kind === "ask") list(out.byte(ASK), request.asks, writeAsk);
  else if (request.kind === "claim") list(out.byte(CLAIM), request.keys, writeHash);
  else list(out.byte(HAND_OVER), request.accounts, writeAccount);
  return out.bytes();
}

export function decodeRequest(bytes: Uint8Array): LimitRequest {
  const from = new ByteReader(bytes);
  const kind = from.byte();
  if (kind === ASK) return { kind: "ask", asks: listOf(from, readAsk) };
  if (kind === CLAIM) return { kind: "claim", keys: listOf(from, readHash) };
  if (kind === HAND_OVER) return { kind: "hand-over", accounts: listOf(from, readAccount) };
  throw new MalformedBytes(`there is no request ${kind} of limits`);
}

export function encodeGrants(grants: readonly WireGrant[]): Uint8Array {
  const out = new ByteWriter();
  list(out, grants, (_out, grant) => {
    if (grant === null) out.byte(0);
    else
      out
        .byte(1)
        .varint(grant.granted)
        .varint(Math.min(grant.waitMs, 2 ** 40));
  });
  return out.bytes();
}

export function decodeGrants(bytes: Uint8Array): readonly WireGrant[] {
  return listOf(new ByteReader(bytes), (from) =>
    from.byte() === 0 ? null : { granted: from.varint(), waitMs: from.varint() },
  );
}

export function encodeClaims(claims: readonly Claimed[]): Uint8Array {
  const out = new ByteWriter();
  list(out, claims, (_out, claimed) => {
    if (claimed === "unknown") out.byte(0);
    else if (claimed === "lent") out.byte(1);
    else out.byte(2).varint(Math.floor(claimed.level * LEVEL));
  });
  return out.bytes();
}

export function decodeClaims(bytes: Uint8Array): readonly Claimed[] {
  return listOf(new ByteReader(bytes), (from) => {
    const kind = from.byte();
    if (kind === 2) return { level: from.varint() / LEVEL };
    return kind === 1 ? "lent" : "unknown";
  });
}

function writeStart(out: ByteWriter, { node, epoch, clock, totals }: StartTotals): void {
  out.text(node).varint(epoch).varint(clock);
  list(out, totals, (_out, { birth, spent, asked, ...key }) => {
    writeKey(out, key);
    out.varint(birth).varint(Math.round(spent)).varint(Math.round(asked));
  });
}

function readStart(from: ByteReader): StartTotals {
  const [node, epoch, clock] = [from.text(NAME_BYTES), from.varint(), from.varint()];
  const totals = listOf(from, () => ({
    ...readKey(from),
    birth: from.varint(),
    spent: from.varint(),
    asked: from.varint(),
  }));
  return { node, epoch, clock, totals };
}

function writeAsk(out: ByteWriter, { hash, rate, burst, plane, want, have, back }: WireAsk): void {
  writeKey(out, { hash, rate, burst });
  // Of parts of a token the holder says it has more and gives back less.
  out.varint(plane).varint(want).varint(Math.ceil(have)).varint(Math.floor(back));
}

function readAsk(from: ByteReader): WireAsk {
  const key = readKey(from);
  const [plane, want, have, back] = [from.varint(), from.varint(), from.varint(), from.varint()];
  return { ...key, plane, want, have, back };
}

function writeAccount(out: ByteWriter, { level, ...key }: Account): void {
  writeKey(out, key);
  out.varint(Math.floor(level * LEVEL));
}

function readAccount(from: ByteReader): Account {
  return { ...readKey(from), level: from.varint() / LEVEL };
}

function writeKey(out: ByteWriter, { hash, rate, burst }: KeyLimit): void {
  writeHash(out, hash);
  writeFloat(out, rate);
  writeFloat(out, burst);
}

function readKey(from: ByteReader): KeyLimit {
  const [hash, rate, burst] = [readHash(from), readFloat(from), readFloat(from)];
  if (!(rate > 0 && rate < Infinity && burst >= 1 && burst < Infinity)) {
    throw new MalformedBytes(`a limit of ${rate} a second with a burst of ${burst}`);
  }
  return { hash, rate, burst };
}

function writeHash(out: ByteWriter, hash: KeyHash): void {
  out.blob(Buffer.from(hash, "latin1"));
}

function readHash(from: ByteReader): KeyHash {
  const bytes = from.blob(HASH_BYTES);
  if (bytes.length !== HASH_BYTES) throw new MalformedBytes("not the hash of a key");
  return Buffer.from(bytes).toString("latin1");
}

function writeFloat(out: ByteWriter, value: number): void {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  out.raw(bytes);
}

function readFloat(from: ByteReader): number {
  return Buffer.of(from.byte(), from.byte(), from.byte(), from.byte()).readFloatLE();
}

function list<T>(out: ByteWriter, items: readonly T[], write: (out: ByteWriter, item: T) => void) {
  out.varint(items.length);
  for (const item of items) write(out, item);
}

function listOf<T>(from: ByteReader, read: (from: ByteReader) => T): T[] {
  const length = from.varint();
  if (length > MOST_ITEMS) throw new MalformedBytes(`a list of ${length}`);
  const items: T[] = [];
  while (items.length < length) items.push(read(from));
  return items;
}
