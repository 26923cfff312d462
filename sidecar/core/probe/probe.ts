/**
 * One health check: TCP connect, then an HTTP GET, all within one timeout. A failing status decides as soon as it is there; a
 * pass needs the whole head, as the kubelet's does: an app that stalls within it is not healthy.
 */
import { AUTHORITY_EXTRA, authority } from "../wire/address.ts";
import { Bytes } from "../wire/bytes.ts";
import { Excerpt } from "./excerpt.ts";
import * as host from "../host.ts";
import { HttpHead } from "../wire/http-head.ts";
import { Settings } from "../settings/settings.ts";

/** Codes of proto/telemetry.proto. */
export const RESULT_NONE: i32 = 0;
export const RESULT_OK: i32 = 1;
export const RESULT_REFUSED: i32 = 2;
export const RESULT_TIMEOUT: i32 = 3;
export const RESULT_STATUS: i32 = 4;
export const RESULT_ERROR: i32 = 5;

/** How long a failing answer's body is waited for: it is for people, the result stands. */
const BODY_MS: f64 = 200;
/** A target may send what it likes; more of it, interim answers and body included, is not read. */
const MAX_RECEIVED: i32 = 16_384;
const NONE: i32 = -1;
/** The one status below 200 after which no other answer comes. */
const SWITCHING: i32 = 101;

export class Probe {
  result: i32 = RESULT_NONE;
  status: i32 = 0;
  latencyMs: f64 = 0;
  isConnected: bool = false;
  connectMs: f64 = 0;
  /** What was read of the body of an answer whose status failed. */
  readonly excerpt: Excerpt = new Excerpt();
  private readonly settings: Settings;
  private readonly request: Bytes;
  private readonly head: HttpHead = new HttpHead();
  private readonly inbox: Bytes = new Bytes(512);
  private handle: i32 = NONE;
  private startedAt: f64 = 0;
  private deadline: f64 = 0;
  private sent: i32 = 0;
  private received: i32 = 0;

  constructor(settings: Settings) {
    this.settings = settings;
    const length = settings.probePath.length + settings.probeHost.length + AUTHORITY_EXTRA;
    this.request = new Bytes(length + 128).text("GET ").append(settings.probePath);
    this.request.text(" HTTP/1.1\r\nHost: ");
    authority(this.request, settings.probeHost, settings.probePort);
    this.request.text(
      "\r\nUser-Agent: bifrost-sidecar\r\nAccept: */*\r\nConnection: close\r\n\r\n",
    );
  }

  isBusy(): bool {
    return this.handle !== NONE;
  }

  /** When a busy probe ends at the latest. */
  wakeAt(): f64 {
    return this.deadline;
  }

  begin(now: f64): void {
    this.startedAt = now;
    this.deadline = now + this.settings.timeoutMs;
    this.sent = 0;
    this.received = 0;
    this.status = 0;
    this.isConnected = false;
    this.connectMs = 0;
    this.result = RESULT_NONE;
    this.head.reset();
    this.excerpt.reset(false, 0);
    this.handle = host.open(this.settings.probeHost, this.settings.probePort, host.PLAIN);
    if (this.handle === NONE) this.decide(RESULT_ERROR, now);
  }

  step(now: f64): void {
    if (this.handle === NONE) return;
    if (!this.isConnected) this.connect(now);
    if (this.isConnected) this.exchange(now);
    if (this.handle === NONE || now < this.deadline) return;
    if (this.result === RESULT_NONE) this.decide(RESULT_TIMEOUT, now);
    this.abandon();
  }

  /** Closes a running probe; without a decision it has no result. */
  abandon(): void {
    if (this.handle !== NONE) host.close(this.handle);
    this.handle = NONE;
  }

  private connect(now: f64): void {
    const state = host.state(this.handle);
    if (state === host.REFUSED) this.finish(RESULT_REFUSED, now);
    else if (state < 0) this.finish(RESULT_ERROR, now);
    else if (state === host.OPEN) {
      this.isConnected = true;
      this.connectMs = now - this.startedAt;
    }
  }

  private exchange(now: f64): void {
    if (this.sent < this.request.length) {
      const taken = host.send(this.handle, this.request, this.sent, this.request.length);
      if (taken < 0) return this.finish(RESULT_ERROR, now);
      this.sent = this.sent + taken;
      if (this.sent < this.request.length) return;
      host.want(this.handle, host.READABLE);
    }
    while (this.handle !== NONE) {
      const count = host.receive(this.handle, this.inbox, this.inbox.buffer.length);
      if (count === host.NOTHING_NOW) return;
      if (count > 0) this.take(now);
      else this.end(now);
    }
  }

  private take(now: f64): void {
    for (let i: i32 = 0; i < this.inbox.length && this.handle !== NONE; i++) {
      const byte = this.inbox.at(i);
      if (this.head.isComplete) this.excerpt.feed(byte);
      else this.takeHead(byte, now);
      if (this.head.isComplete && this.excerpt.isComplete()) this.abandon();
    }
    this.received = this.received + this.inbox.length;
    if (this.received >= MAX_RECEIVED) this.end(now);
  }

  private takeHead(byte: i32, now: f64): void {
    const head = this.head;
    head.feed(byte);
    if (head.isGarbage) return this.finish(RESULT_ERROR, now);
    if (head.status === 0) return;
    // An interim answer, such as an early hint: the one that counts follows.
    if (head.status < 200 && head.status !== SWITCHING) {
      if (head.isComplete) head.reset();
      return;
    }
    const isFailing = head.status < 200 || head.status >= 400;
    if (isFailing && this.result === RESULT_NONE) this.decideStatus(RESULT_STATUS, now);
    if (!head.isComplete) return;
    if (isFailing) return this.excerpt.reset(head.isChunked, head.bodyLength());
    this.decideStatus(RESULT_OK, now);
    this.abandon();
  }

  private decideStatus(result: i32, now: f64): void {
    this.status = this.head.status;
    this.decide(result, now);
  }

  /** Nothing more is to come, or is wanted. */
  private end(now: f64): void {
    if (this.result === RESULT_NONE) this.decide(RESULT_ERROR, now);
    this.abandon();
  }

  private finish(result: i32, now: f64): void {
    this.decide(result, now);
    this.abandon();
  }

  /** The result stands; of a failing answer the body may still be read for a moment. */
  private decide(result: i32, now: f64): void {
    this.result = result;
    this.latencyMs = now - this.startedAt;
    this.deadline = Math.min(this.deadline, now + BODY_MS);
  }
}
