/** The paths to all addresses, and what an opened packet means to them. */
import { randomBytes } from "node:crypto";
import type { Address } from "../member.ts";
import { FRAME, NOBODY, SEALED_HEADER_BYTES, TAG_BYTES } from "./frame.ts";
import type { Opened } from "./packet-guard.ts";
import { Path, type PathParts } from "./path.ts";

const NONCE_BYTES = 6;
const HELLO_BYTES = SEALED_HEADER_BYTES + NONCE_BYTES + TAG_BYTES;
const MAX_PATHS = 4096;
/** Hellos to whoever sent something that does not open. They are no longer than that, and so many go out in a second. */
const MAX_DOUBTS = 20;

export class Paths {
  readonly #parts: PathParts;
  readonly #paths = new Map<Address, Path>();
  /** By the payload of their hellos: the answer may come from another address than the one that was asked. */
  readonly #rounds = new Map<string, Path>();
  #doubts = { second: 0, sent: 0 };

  constructor(parts: Omit<PathParts, "newRound" | "endRound">) {
    this.#parts = {
      ...parts,
      newRound: (path) => {
        const nonce = randomBytes(NONCE_BYTES);
        this.#rounds.set(nonce.toString("latin1"), path);
        return nonce;
      },
      endRound: (nonce) => void this.#rounds.delete(nonce.toString("latin1")),
    };
  }

  send(to: Address, packet: Uint8Array): void {
    this.#path(to).send(packet);
  }

  onOpened(from: Address, { kind, start, payload }: Opened): void {
    if (kind === FRAME.data) this.#path(from).onData(start);
    else if (kind === FRAME.here) this.#rounds.get(payload.toString("latin1"))?.onHere(start);
    else if (payload.length === NONCE_BYTES) {
      this.#parts.sendDatagram(from, this.#parts.guard.seal(FRAME.here, start, payload));
      // A hello may be an old one from anywhere: no path is made for it.
      this.#paths.get(from)?.onHello(start);
    }
  }

  /** Perhaps it is meant for the process that was here before: its sender learns of this one by a hello. */
  onNotOpened(from: Address, bytes: number): void {
    const parts = this.#parts;
    if (bytes < HELLO_BYTES) return;
    const second = Math.floor(parts.timers.now() / 1000);
    if (this.#doubts.second !== second) this.#doubts = { second, sent: 0 };
    if (this.#doubts.sent++ >= MAX_DOUBTS) return;
    parts.sendDatagram(from, parts.guard.seal(FRAME.hello, NOBODY, randomBytes(NONCE_BYTES)));
  }

  close(): void {
    for (const path of this.#paths.values()) path.close();
  }

  #path(address: Address): Path {
    const known = this.#paths.get(address);
    if (known !== undefined) return known;
    if (this.#paths.size >= MAX_PATHS) this.#forgetOne();
    const path = new Path(address, this.#parts);
    this.#paths.set(address, path);
    return path;
  }

  #forgetOne(): void {
    for (const [address, path] of this.#paths) {
      path.close();
      this.#paths.delete(address);
      return;
    }
  }
}
