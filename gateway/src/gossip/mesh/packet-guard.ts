/** Seals this process's datagrams and opens those of others, each of them once. */
import { randomBytes, type KeyObject } from "node:crypto";
import type { Keyring } from "../keyring.ts";
import type { Refusal } from "../transport-count.ts";
import {
  FRAME,
  NOBODY,
  openFrame,
  PLAIN_HEADER_BYTES,
  plainFrame,
  readPlainFrame,
  readSealedHeader,
  SEALED_HEADER_BYTES,
  sealFrame,
  START_BYTES,
  TAG_BYTES,
  type FrameKind,
} from "./frame.ts";
import { ReplayWindow } from "./replay-window.ts";
import { labelTag } from "./stream-greeting.ts";

/** Starts of other processes that are remembered; the one not heard of for longest is forgotten first. */
const MAX_SENDERS = 4096;

export interface Opened {
  readonly kind: FrameKind;
  /** Start of the sender; NOBODY where nothing is sealed. */
  readonly start: Buffer;
  readonly payload: Buffer;
}

export interface PacketGuard {
  readonly overhead: number;
  /** The receiver of a packet to somebody unknown; null = its start has to be asked for first. */
  readonly anybody: Buffer | null;
  seal(kind: FrameKind, receiver: Buffer, payload: Uint8Array): Buffer;
  open(frame: Buffer): Opened | Refusal;
}

/** Everybody on this machine could have sent it: all that is checked is that it was meant for this cluster. */
export function plainPackets(label: string): PacketGuard {
  const tag = labelTag(label);
  return {
    overhead: PLAIN_HEADER_BYTES,
    anybody: NOBODY,
    seal: (kind, _receiver, payload) => plainFrame(kind, tag, payload),
    open(frame) {
      const read = readPlainFrame(frame);
      if (read === null) return readSealedHeader(frame) === null ? "malformed" : "unknown-key";
      if (!read.label.equals(tag)) return "other-cluster";
      return { kind: read.kind, start: NOBODY, payload: read.payload };
    },
  };
}

interface Sender {
  readonly window: ReplayWindow;
  /** Derived for this start, by number of the key. */
  readonly keys: Map<number, KeyObject>;
}

export class SealedPackets implements PacketGuard {
  readonly overhead = SEALED_HEADER_BYTES + TAG_BYTES;
  readonly anybody = null;
  readonly #start = randomBytes(START_BYTES);
  readonly #keyring: Keyring;
  readonly #purpose: string;
  readonly #own: Sender = newSender();
  /** By their start. */
  readonly #senders = new Map<string, Sender>();
  #counter = 0;

  constructor(keyring: Keyring, label: string) {
    this.#keyring = keyring;
    this.#purpose = `bifrost packet ${label}`;
    keyring.onRemoved((id) => {
      this.#own.keys.delete(id);
      for (const sender of this.#senders.values()) sender.keys.delete(id);
    });
  }

  seal(kind: FrameKind, receiver: Buffer, payload: Uint8Array): Buffer {
    const keyId = this.#keyring.primary;
    const key = this.#keyOf(this.#own, keyId, this.#start);
    if (key === null) throw new Error("a keyring has its primary key at all times");
    const counter = this.#counter++;
    return sealFrame({ kind, keyId, key, start: this.#start, counter, receiver, payload });
  }

  open(frame: Buffer): Opened | Refusal {
    const header = readSealedHeader(frame);
    if (header === null) return readPlainFrame(frame) === null ? "malformed" : "not-sealed";
    const { kind, keyId, counter, start } = header;
    if (!this.#keyring.has(keyId)) return "unknown-key";
    const name = start.toString("latin1");
    const sender = this.#senders.get(name) ?? newSender();
    if (!sender.window.isNew(counter)) return "replayed";
    const key = this.#keyOf(sender, keyId, start);
    if (key === null) return "unknown-key";
    const payload = openFrame(frame, key, kind === FRAME.hello ? NOBODY : this.#start);
    if (payload === null) return "not-opened";
    sender.window.mark(counter);
    this.#remember(name, sender);
    return { kind, start: Buffer.from(start), payload };
  }

  #keyOf(sender: Sender, keyId: number, start: Buffer): KeyObject | null {
    const known = sender.keys.get(keyId);
    if (known !== undefined) return known;
    const key = this.#keyring.derive(keyId, start, this.#purpose);
    if (key !== null) sender.keys.set(keyId, key);
    return key;
  }

  /** Only who has sealed something with a key of the cluster is remembered: strangers cannot push anybody out. */
  #remember(name: string, sender: Sender): void {
    this.#senders.delete(name);
    this.#senders.set(name, sender);
    if (this.#senders.size <= MAX_SENDERS) return;
    for (const oldest of this.#senders.keys()) {
      this.#senders.delete(oldest);
      break;
    }
  }
}

function newSender(): Sender {
  return { window: new ReplayWindow(), keys: new Map() };
}
