/**
 * How packets get to one address. Before the first sealed one the receiver's start is asked for (see frame.ts); meanwhile
 * a few packets wait. When datagrams are not answered while a stream is, they are blocked on the way: packets go over the
 * stream then, and datagrams are tried again now and then.
 */
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Address } from "../member.ts";
import type { TransportCount } from "../transport-count.ts";
import { FRAME, NOBODY } from "./frame.ts";
import type { PacketGuard } from "./packet-guard.ts";

/** Between hellos of one round. A round that nobody answered makes the path doubtful. */
const HELLO_MS = [60, 120, 240, 480];
const MAX_HELD = 32;
/**
 * So many packets over so long without a datagram in return: is the path open at all? Two are nothing: the last one may be
 * an answer, and the next ping is on its way.
 */
const SILENT_PACKETS = 3;
const SILENCE_MS = 3_000;
/** While a stream carries the packets, datagrams are tried again after this. */
const RETRY_MS = 2_000;
/** A stream that answered is trusted for so long, then asked again. */
const STREAM_TRUST_MS = 10_000;

export interface PathParts {
  readonly guard: PacketGuard;
  readonly timers: Timers;
  readonly count: TransportCount;
  sendDatagram(to: Address, frame: Buffer): void;
  /** The payload of the hellos of a round; whoever answers with it is heard as this path's. */
  newRound(path: Path): Buffer;
  endRound(nonce: Buffer): void;
  /** Whether a program answers over a stream that then takes packets. */
  streamAnswers(to: Address): Promise<boolean>;
  /** false = there is no stream. */
  sendByStream(to: Address, packet: Uint8Array): boolean;
  /** Packets to this address begin to go over a stream (true), or go as datagrams again. */
  onDetour(to: Address, isDetour: boolean): void;
}

export class Path {
  readonly #to: Address;
  readonly #parts: PathParts;
  /** Start of the process that listens there; null = not known. */
  #receiver: Buffer | null;
  #held: Uint8Array[] = [];
  /** Of the round of hellos that is under way. */
  #nonce: Buffer | null = null;
  #hellos = 0;
  #timer: Timer | null = null;
  #roundAt = Number.NEGATIVE_INFINITY;
  /** Packets sent since the last that came, and when the first of them was. */
  #unanswered = 0;
  #unansweredSince = 0;
  #streamUntil = 0;
  #isDetour = false;

  constructor(to: Address, parts: PathParts) {
    this.#to = to;
    this.#parts = parts;
    this.#receiver = parts.guard.anybody;
  }

  send(packet: Uint8Array): void {
    const now = this.#parts.timers.now();
    if (this.#isDetour) return this.#sendByStream(packet, now);
    if (this.#receiver === null) return this.#hold(packet);
    this.#parts.sendDatagram(this.#to, this.#parts.guard.seal(FRAME.data, this.#receiver, packet));
    if (++this.#unanswered === 1) this.#unansweredSince = now;
    const isSilent = now - this.#unansweredSince >= SILENCE_MS;
    if (isSilent && this.#unanswered >= SILENT_PACKETS) this.#startRound(now, SILENCE_MS);
    return undefined;
  }

  /** Data came from there. It is bound to this process, so it is no older than it: its sender runs there now. */
  onData(start: Buffer): void {
    this.#unanswered = 0;
    this.#receiver = start;
    if (!this.#isDetour) this.#release();
  }

  /** The round is answered. */
  onHere(start: Buffer): void {
    this.#unanswered = 0;
    this.#receiver = start;
    this.#endRound();
    if (this.#isDetour) this.#turn(false);
    this.#release();
  }

  /** Somebody asks from there. When it is another process than the one known, it is asked too: a hello may be an old one. */
  onHello(start: Buffer): void {
    const isKnown = this.#receiver === null || this.#receiver.equals(start);
    if (!isKnown) this.#startRound(this.#parts.timers.now(), HELLO_MS[0] ?? 0);
  }

  close(): void {
    this.#endRound();
    this.#held = [];
  }

  #hold(packet: Uint8Array): void {
    if (this.#held.length >= MAX_HELD) {
      this.#held.shift();
      this.#parts.count.refuse("no-path");
    }
    this.#held.push(Uint8Array.from(packet));
    this.#startRound(this.#parts.timers.now(), 0);
  }

  #sendByStream(packet: Uint8Array, now: number): void {
    if (!this.#parts.sendByStream(this.#to, packet)) {
      this.#hold(packet);
      this.#streamUntil = now;
    }
    this.#startRound(now, RETRY_MS);
  }

  /** At least `pauseMs` after the last one began. */
  #startRound(now: number, pauseMs: number): void {
    if (this.#nonce !== null || now - this.#roundAt < pauseMs) return;
    this.#roundAt = now;
    this.#nonce = this.#parts.newRound(this);
    this.#hellos = 0;
    this.#hello();
  }

  #hello(): void {
    const { guard, timers } = this.#parts;
    if (this.#nonce === null) return;
    const waitMs = HELLO_MS[this.#hellos++];
    if (waitMs === undefined) return void this.#onSilence();
    this.#parts.sendDatagram(this.#to, guard.seal(FRAME.hello, NOBODY, this.#nonce));
    this.#timer = timers.after(waitMs, () => this.#hello());
    return undefined;
  }

  #endRound(): void {
    this.#timer?.cancel();
    if (this.#nonce !== null) this.#parts.endRound(this.#nonce);
    this.#nonce = null;
  }

  #release(): void {
    const held = this.#held;
    this.#held = [];
    for (const packet of held) this.send(packet);
  }

  async #onSilence(): Promise<void> {
    const { timers } = this.#parts;
    const isTrusted = this.#isDetour && timers.now() < this.#streamUntil;
    const answers = isTrusted || (await this.#parts.streamAnswers(this.#to));
    this.#endRound();
    this.#unanswered = 0;
    if (answers && !isTrusted) this.#streamUntil = timers.now() + STREAM_TRUST_MS;
    if (answers !== this.#isDetour) this.#turn(answers);
    const held = this.#held;
    this.#held = [];
    for (const packet of held) {
      if (!answers || !this.#parts.sendByStream(this.#to, packet))
        this.#parts.count.refuse("no-path");
    }
  }

  #turn(isDetour: boolean): void {
    this.#isDetour = isDetour;
    this.#parts.onDetour(this.#to, isDetour);
  }
}
