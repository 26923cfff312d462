/** A keep-alive HTTP/1.1 client that posts one batch of lines at a time and never blocks probing. */
import { CONNECTING, ENDED, OPEN, type Host } from "./host.ts";
import { LineQueue } from "./queue.ts";
import { headEnd, contentLength, replyStatus } from "./reply.ts";
import type { Settings } from "./settings.ts";

/** A connection on which nothing moves for so long has failed. */
const NO_PROGRESS_MS = 5000;
/** First pause after a failure: before the first delivery the collector may just be starting. */
const EAGER_PAUSE_MS = 100;
const PAUSE_MS = 500;
const MAX_PAUSE_MS = 30_000;
/** The collector answers 204 or a short problem text. */
const MAX_REPLY_BYTES = 4096;
const FOREVER_MS = 60_000;

export class Reporter {
  readonly queue = new LineQueue();
  private readonly host: Host;
  private readonly settings: Settings;
  private handle = -1;
  private message = "";
  private sent = 0;
  private reply = "";
  /** Whether something of the collector is due: its connection or its answer. */
  private isWaiting = false;
  private progressAt = 0;
  private retryAt = 0;
  private pauseMs = 0;
  private hasDelivered = false;
  private lastRefusal = 0;

  constructor(host: Host, settings: Settings) {
    this.host = host;
    this.settings = settings;
  }

  isIdle(): boolean {
    return this.queue.length === 0;
  }

  step(now: number): void {
    if (this.handle < 0 && !this.connect(now)) return;
    const state = this.host.state(this.handle);
    if (state < 0) return this.fail(now);
    if (state !== CONNECTING) this.talk(now, state);
    this.isWaiting = this.handle >= 0 && (state === CONNECTING || this.message !== "");
    if (this.isWaiting && now - this.progressAt >= NO_PROGRESS_MS) this.fail(now);
  }

  /** Milliseconds until there is something to do without a socket event. */
  wakeMs(now: number): number {
    if (this.handle < 0)
      return this.queue.length > 0 ? Math.max(0, this.retryAt - now) : FOREVER_MS;
    if (this.isWaiting) return Math.max(0, this.progressAt + NO_PROGRESS_MS - now);
    // What was queued while the last batch was under way would otherwise wait for the next probe.
    return this.queue.length > 0 ? 0 : FOREVER_MS;
  }

  close(): void {
    if (this.handle >= 0) this.host.close(this.handle);
    this.handle = -1;
  }

  private connect(now: number): boolean {
    if (this.queue.length === 0 || now < this.retryAt) return false;
    this.progressAt = now;
    this.handle = this.host.open(this.settings.collectorHost, this.settings.collectorPort);
    return true;
  }

  private talk(now: number, state: number): void {
    if (this.message === "" && this.queue.length > 0 && state === OPEN) this.compose(now);
    if (this.message !== "" && this.sent < this.message.length) {
      const taken = this.host.send(this.handle, this.message, this.sent);
      if (taken > 0) this.progressAt = now;
      this.sent += taken;
    }
    this.receive(now);
    if (this.handle < 0 || state !== ENDED) return;
    // Between two batches the collector may close the connection as it likes.
    if (this.message === "") this.close();
    else this.fail(now);
  }

  private compose(now: number): void {
    const body = this.queue.take();
    const { deploymentId, collectorHost, collectorPort, collectorToken } = this.settings;
    this.message =
      `POST /v1/telemetry/${deploymentId} HTTP/1.1\r\nHost: ${collectorHost}:${collectorPort}\r\n` +
      `Authorization: Bearer ${collectorToken}\r\nContent-Type: application/x-ndjson\r\n` +
      `Content-Length: ${body.length}\r\n\r\n${body}`;
    this.sent = 0;
    this.reply = "";
    this.progressAt = now;
  }

  private receive(now: number): void {
    const part = this.host.receive(this.handle, MAX_REPLY_BYTES);
    if (part === "") return;
    this.progressAt = now;
    this.reply += part;
    // A reply nobody asked for, or one that is no reply of ours.
    if (this.message === "" || this.reply.length > MAX_REPLY_BYTES) return this.fail(now);
    const end = headEnd(this.reply);
    if (end >= 0 && this.reply.length >= end + contentLength(this.reply)) this.answered(now);
  }

  private answered(now: number): void {
    const status = replyStatus(this.reply);
    const isDelivered = status >= 200 && status < 300;
    // Lines the collector calls malformed would be malformed for ever.
    const isHopeless = status === 400 || status === 413 || status === 422;
    if (!isDelivered && status !== this.lastRefusal) {
      this.host.log(`the collector answers ${status}`);
    }
    this.lastRefusal = isDelivered ? 0 : status;
    if (!isDelivered && !isHopeless) return this.fail(now);
    if (isDelivered) this.queue.delivered();
    else this.queue.refused();
    this.message = "";
    this.reply = "";
    this.pauseMs = 0;
    this.hasDelivered = true;
  }

  private fail(now: number): void {
    this.close();
    this.message = "";
    this.reply = "";
    this.queue.putBack();
    const first = this.hasDelivered ? PAUSE_MS : EAGER_PAUSE_MS;
    this.pauseMs = this.pauseMs === 0 ? first : Math.min(this.pauseMs * 2, MAX_PAUSE_MS);
    // Half of the pause is random: a thousand sidecars must not come back in the same instant.
    this.retryAt = now + Math.ceil(this.pauseMs * (0.5 + this.host.random() / 2));
  }
}
