/**
 * What is in a datagram. Sealed: 32 bytes more than its payload; unsealed: 5.
 *
 *     sealed   0xa0 + kind 1 | key number 1 | start of the sender 8 | counter 6 | ciphertext | tag 16
 *     plain    0xb0 + kind 1 | label 4 | payload
 *
 * A start is 8 random bytes, new with each start of a process. It salts the key that this process seals with, so its
 * counter is a nonce that never comes twice. The additional data are the header and the start of the receiver: a packet
 * opens at one process only, and not at the one that is started in its place. That is what keeps old packets from being
 * replayed at a node that has just begun and remembers none. The label is part of the derivation of the key.
 */
import { createCipheriv, createDecipheriv, type KeyObject } from "node:crypto";

/**
 * hello: asks for the receiver's start, so it is bound to nobody's; all it ever brings about is a `here`.
 * here: bound to the start of the one who asked; its payload is that of the hello, so it answers this one only.
 */
export const FRAME = { data: 0, hello: 1, here: 2 } as const;
export type FrameKind = (typeof FRAME)[keyof typeof FRAME];

export const SEALED_HEADER_BYTES = 16;
export const PLAIN_HEADER_BYTES = 5;
export const TAG_BYTES = 16;
export const START_BYTES = 8;
export const COUNTER_BYTES = 6;
/** Of a whole datagram: fits an Ethernet frame through a tunnel or two. */
export const MAX_FRAME_BYTES = 1400;
/** Stands for a receiver whose start does not matter, or is not known yet. */
export const NOBODY = Buffer.alloc(START_BYTES);

const SEALED = 0xa0;
const PLAIN = 0xb0;
const COUNTER_AT = 10;

export interface SealedHeader {
  readonly kind: FrameKind;
  readonly keyId: number;
  readonly start: Buffer;
  readonly counter: number;
}

export interface SealInput {
  readonly kind: FrameKind;
  readonly keyId: number;
  readonly key: KeyObject;
  readonly start: Buffer;
  readonly counter: number;
  readonly receiver: Buffer;
  readonly payload: Uint8Array;
}

export function sealFrame(input: SealInput): Buffer {
  const { payload, receiver } = input;
  const frame = Buffer.allocUnsafe(SEALED_HEADER_BYTES + payload.length + TAG_BYTES);
  frame[0] = SEALED | input.kind;
  frame[1] = input.keyId;
  input.start.copy(frame, 2);
  frame.writeUIntBE(input.counter, COUNTER_AT, COUNTER_BYTES);
  const cipher = createCipheriv("aes-256-gcm", input.key, nonceOf(input.counter));
  cipher.setAAD(additionalData(frame, receiver));
  cipher.update(payload).copy(frame, SEALED_HEADER_BYTES);
  cipher.final();
  cipher.getAuthTag().copy(frame, SEALED_HEADER_BYTES + payload.length);
  return frame;
}

/** null = not a sealed frame. */
export function readSealedHeader(frame: Buffer): SealedHeader | null {
  if (frame.length < SEALED_HEADER_BYTES + TAG_BYTES) return null;
  const kind = kindOf(frame, SEALED);
  if (kind === null) return null;
  return {
    kind,
    keyId: frame.readUInt8(1),
    start: frame.subarray(2, 2 + START_BYTES),
    counter: frame.readUIntBE(COUNTER_AT, COUNTER_BYTES),
  };
}

/** The payload; null = altered, of another label, or sealed for another receiver. */
export function openFrame(frame: Buffer, key: KeyObject, receiver: Buffer): Buffer | null {
  const counter = frame.readUIntBE(COUNTER_AT, COUNTER_BYTES);
  const decipher = createDecipheriv("aes-256-gcm", key, nonceOf(counter));
  decipher.setAAD(additionalData(frame, receiver));
  decipher.setAuthTag(frame.subarray(frame.length - TAG_BYTES));
  const payload = decipher.update(frame.subarray(SEALED_HEADER_BYTES, frame.length - TAG_BYTES));
  try {
    decipher.final();
  } catch {
    return null;
  }
  return payload;
}

export function plainFrame(kind: FrameKind, label: Buffer, payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(PLAIN | kind), label, payload]);
}

export interface PlainFrame {
  readonly kind: FrameKind;
  readonly label: Buffer;
  readonly payload: Buffer;
}

/** null = not a plain frame. */
export function readPlainFrame(frame: Buffer): PlainFrame | null {
  if (frame.length < PLAIN_HEADER_BYTES) return null;
  const kind = kindOf(frame, PLAIN);
  if (kind === null) return null;
  const label = frame.subarray(1, PLAIN_HEADER_BYTES);
  return { kind, label, payload: frame.subarray(PLAIN_HEADER_BYTES) };
}

function kindOf(frame: Buffer, version: number): FrameKind | null {
  const kind = frame.readUInt8(0) - version;
  return kind === FRAME.data || kind === FRAME.hello || kind === FRAME.here ? kind : null;
}

/** Ciphers copy what they are given, so one of each does for all packets. */
const nonce = Buffer.alloc(12);
const bound = Buffer.alloc(SEALED_HEADER_BYTES + START_BYTES);

function nonceOf(counter: number): Buffer {
  nonce.writeUIntBE(counter, nonce.length - COUNTER_BYTES, COUNTER_BYTES);
  return nonce;
}

function additionalData(frame: Buffer, receiver: Buffer): Buffer {
  frame.copy(bound, 0, 0, SEALED_HEADER_BYTES);
  receiver.copy(bound, SEALED_HEADER_BYTES);
  return bound;
}
