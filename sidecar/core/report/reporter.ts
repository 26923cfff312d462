/** One connection to the collector that takes samples there: bounded in memory, and probing never waits for it. */
import { Backoff } from "./backoff.ts";
import { Bytes } from "../wire/bytes.ts";
import * as host from "../host.ts";
import { Queue } from "./queue.ts";
import { Sample } from "./sample.ts";
import { Settings } from "../settings/settings.ts";

/** A connection that takes no sample for so long has failed. */
const NO_PROGRESS_MS: f64 = 5000;
const FOREVER_MS: f64 = 60_000;
/** Room for the longest request head, or for frames with some samples. */
const MAX_OUT: i32 = 2048;
const MAX_IN: i32 = 512;
/** What arrives may ask for an answer of the same length and a little more. */
const ANSWER_EXTRA: i32 = 64;
/** A flood from the collector is read in the next step. */
const MAX_READS: i32 = 8;
const NONE: i32 = -1;

export abstract class Reporter {
  readonly queue: Queue = new Queue();
  protected readonly settings: Settings;
  /** What is being sent. */
  protected readonly out: Bytes = new Bytes(MAX_OUT);
  /** What arrived last. */
  protected readonly inbox: Bytes = new Bytes(MAX_IN);
  private readonly backoff: Backoff = new Backoff();
  private readonly mode: i32;
  private readonly entry: Bytes;
  private handle: i32 = NONE;
  private isOpen: bool = false;
  /** Whether this connection has taken something. */
  private isProven: bool = false;
  private sent: i32 = 0;
  private progressAt: f64 = 0;
  private lastRefusal: i32 = 0;
  private readonly line: Bytes = new Bytes(64);

  constructor(settings: Settings, mode: i32, longestEntry: i32) {
    this.settings = settings;
    this.mode = mode;
    this.entry = new Bytes(longestEntry);
  }

  add(sample: Sample, now: f64): void {
    if (this.queue.count === 0) this.progressed(now);
    sample.dropped = this.queue.dropped;
    this.encode(this.entry.clear(), sample);
    this.queue.add(this.entry, sample.seq);
  }

  isIdle(): bool {
    return this.queue.count === 0;
  }

  /** The program is about to end: no pause before the next attempt. */
  hurry(now: f64): void {
    this.backoff.hurry(now);
  }

  step(now: f64): void {
    if (this.handle === NONE) this.connect(now);
    if (this.handle !== NONE && !this.isOpen) this.awaitOpen(now);
    if (this.isOpen) this.receive(now);
    if (this.isOpen) this.send(now);
    if (this.isOwed() && now - this.progressAt >= NO_PROGRESS_MS) this.fail(now);
  }

  /** Milliseconds until there is something to do without an event on the connection. */
  waitMs(now: f64): f64 {
    if (this.isOwed()) return this.progressAt + NO_PROGRESS_MS - now;
    return this.queue.count > 0 ? this.backoff.retryAt - now : FOREVER_MS;
  }

  /** Without a pause before the next connection; what is in flight is sent again. */
  close(): void {
    if (this.handle !== NONE) host.close(this.handle);
    this.handle = NONE;
    this.isOpen = false;
    this.sent = 0;
    this.out.clear();
    this.queue.putBack();
  }

  /** Appends a sample to `entry` as it goes over the wire. */
  protected abstract encode(entry: Bytes, sample: Sample): void;

  /** A connection is open. */
  protected abstract greet(): void;

  /** The inbox holds what arrived. */
  protected abstract take(now: f64): void;

  /** `out` is empty: what is to be sent next? */
  protected abstract fill(now: f64): void;

  protected fail(now: f64): void {
    this.close();
    this.backoff.failed(now, host.random());
  }

  protected progressed(now: f64): void {
    this.progressAt = now;
  }

  protected isAllSent(): bool {
    return this.sent === this.out.length;
  }

  /** The collector took something over. */
  protected delivered(now: f64): void {
    this.isProven = true;
    this.progressed(now);
    this.backoff.delivered();
    this.lastRefusal = 0;
  }

  /** Logged once for each change of what the collector says. */
  protected tellRefusal(kind: string, status: i32): void {
    if (status === this.lastRefusal) return;
    this.lastRefusal = status;
    host.log(
      this.line
        .clear()
        .text("the collector answers ")
        .text(kind)
        .number(status as f64),
    );
  }

  /** Whether the collector has to do something: to connect, or to take a sample. */
  private isOwed(): bool {
    return this.handle !== NONE && (!this.isOpen || this.queue.count > 0);
  }

  private connect(now: f64): void {
    if (this.queue.count === 0 || now < this.backoff.retryAt) return;
    this.progressed(now);
    this.handle = host.open(this.settings.collectorHost, this.settings.collectorPort, this.mode);
    if (this.handle === NONE) this.fail(now);
  }

  private awaitOpen(now: f64): void {
    const state = host.state(this.handle);
    if (state < 0) return this.fail(now);
    if (state !== host.OPEN) return;
    this.isOpen = true;
    this.isProven = false;
    this.progressed(now);
    this.greet();
  }

  private receive(now: f64): void {
    for (let reads: i32 = 0; reads < MAX_READS && this.isOpen; reads++) {
      const room = this.out.room() - ANSWER_EXTRA;
      if (room <= 0) return;
      const count = host.receive(this.handle, this.inbox, room < MAX_IN ? room : MAX_IN);
      if (count === host.NOTHING_NOW) return;
      if (count > 0) this.take(now);
      // A connection that took something may end when it is idle, as the collector likes.
      else if (this.isProven && this.queue.inFlight === 0 && count === host.ENDED) this.close();
      else this.fail(now);
    }
  }

  private send(now: f64): void {
    for (;;) {
      if (this.isAllSent()) {
        this.out.clear();
        this.sent = 0;
        this.fill(now);
        if (this.out.length === 0) break;
      }
      const taken = host.send(this.handle, this.out, this.sent, this.out.length);
      if (taken < 0) return this.fail(now);
      if (taken === 0) break;
      this.sent = this.sent + taken;
    }
    this.wantEvents();
  }

  private wantEvents(): void {
    const reads = this.out.room() > ANSWER_EXTRA ? host.READABLE : 0;
    host.want(this.handle, this.isAllSent() ? host.READABLE : host.WRITABLE | reads);
  }
}
