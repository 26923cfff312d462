/** Answers `ok` to whoever asks whether the sidecar is alive: the request's head is awaited, not read. */
import { Bytes, CR, LF } from "./wire/bytes.ts";
import * as host from "./host.ts";

const MAX_HEAD: i32 = 4096;
const MAX_MS: f64 = 1000;
const FOREVER_MS: f64 = 60_000;
/** Who waits while no descriptor is free would keep the program awake: it does not listen for so long. */
const DEAF_MS: f64 = 1000;
const NONE: i32 = -1;

const ANSWER =
  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

/** One connection. */
class Guest {
  handle: i32 = NONE;
  deadline: f64 = 0;
  private received: i32 = 0;
  private sent: i32 = 0;
  private hasAsked: bool = false;
  /** Whether the line that arrives holds nothing so far. */
  private isLineEmpty: bool = false;

  welcome(handle: i32, now: f64): void {
    this.handle = handle;
    this.deadline = now + MAX_MS;
    this.received = 0;
    this.sent = 0;
    this.hasAsked = false;
    this.isLineEmpty = false;
    host.want(handle, host.READABLE);
  }

  step(now: f64, inbox: Bytes, answer: Bytes): void {
    while (this.handle !== NONE && !this.hasAsked) {
      const count = host.receive(this.handle, inbox, inbox.buffer.length);
      if (count === host.NOTHING_NOW) break;
      if (count > 0) this.take(inbox);
      else this.close();
    }
    if (this.handle !== NONE && this.hasAsked) this.reply(answer);
    if (this.handle !== NONE && now >= this.deadline) this.close();
  }

  close(): void {
    host.close(this.handle);
    this.handle = NONE;
  }

  private take(inbox: Bytes): void {
    for (let i: i32 = 0; i < inbox.length; i++) {
      const byte = inbox.at(i);
      if (byte === LF && this.isLineEmpty) this.hasAsked = true;
      if (byte !== CR) this.isLineEmpty = byte === LF;
    }
    this.received = this.received + inbox.length;
    if (!this.hasAsked && this.received >= MAX_HEAD) this.close();
  }

  private reply(answer: Bytes): void {
    const taken = host.send(this.handle, answer, this.sent, answer.length);
    if (taken > 0) this.sent = this.sent + taken;
    if (taken < 0 || this.sent === answer.length) this.close();
    else host.want(this.handle, host.WRITABLE);
  }
}

export class Liveness {
  private readonly listener: i32;
  private readonly first: Guest = new Guest();
  private readonly second: Guest = new Guest();
  private deafUntil: f64 = 0;
  private readonly inbox: Bytes = new Bytes(256);
  private readonly answer: Bytes = new Bytes(ANSWER.length).text(ANSWER);

  /** `port` 0 = nobody is answered. */
  constructor(port: i32) {
    this.listener = port === 0 ? NONE : host.listen(port);
  }

  isListening(): bool {
    return this.listener !== NONE;
  }

  step(now: f64): void {
    if (this.listener === NONE) return;
    while (this.welcome(now)) continue;
    if (this.first.handle !== NONE) this.first.step(now, this.inbox, this.answer);
    if (this.second.handle !== NONE) this.second.step(now, this.inbox, this.answer);
    host.want(this.listener, this.isFull() || now < this.deafUntil ? 0 : host.READABLE);
  }

  waitMs(now: f64): f64 {
    const wait = Math.min(left(this.first, now), left(this.second, now));
    return now < this.deafUntil ? Math.min(wait, this.deafUntil - now) : wait;
  }

  close(): void {
    if (this.first.handle !== NONE) this.first.close();
    if (this.second.handle !== NONE) this.second.close();
    if (this.listener !== NONE) host.close(this.listener);
  }

  /** Whether somebody came in. */
  private welcome(now: f64): bool {
    if (this.isFull() || now < this.deafUntil) return false;
    const handle = host.accept(this.listener);
    if (handle < NONE) this.deafUntil = now + DEAF_MS;
    if (handle < 0) return false;
    const guest = this.first.handle === NONE ? this.first : this.second;
    guest.welcome(handle, now);
    return true;
  }

  private isFull(): bool {
    return this.first.handle !== NONE && this.second.handle !== NONE;
  }
}

function left(guest: Guest, now: f64): f64 {
  return guest.handle === NONE ? FOREVER_MS : guest.deadline - now;
}
