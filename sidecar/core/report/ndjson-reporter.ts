/** Reports batches of lines by HTTP/1.1 POST over one kept connection, one batch at a time. */
import { AUTHORITY_EXTRA, authority } from "../wire/address.ts";
import { Bytes } from "../wire/bytes.ts";
import * as host from "../host.ts";
import { HttpHead } from "../wire/http-head.ts";
import { MAX_LINE, writeLine } from "./json-line.ts";
import { Reporter } from "./reporter.ts";
import { Sample } from "./sample.ts";
import { Settings } from "../settings/settings.ts";

/** The collector answers 204 or a short problem text. */
const MAX_REPLY: i32 = 4096;

export class NdjsonReporter extends Reporter {
  /** The request up to its length, which differs. */
  private readonly request: Bytes;
  private readonly reply: HttpHead = new HttpHead();
  private replyBytes: i32 = 0;
  /** Of the reply's body; -1 while its head is not complete. */
  private bodyLeft: f64 = -1;
  /** Bytes of the batch handed to the connection. */
  private batchSent: i32 = 0;

  constructor(settings: Settings) {
    super(settings, settings.isTls ? host.TLS_HTTP1 : host.PLAIN, MAX_LINE);
    const variable =
      settings.deploymentId.length + settings.collectorHost.length + settings.collectorToken.length;
    const request = new Bytes(variable + AUTHORITY_EXTRA + 160);
    request.text("POST /v1/telemetry/").append(settings.deploymentId);
    request.text(" HTTP/1.1\r\nHost: ");
    authority(request, settings.collectorHost, settings.collectorPort);
    request.text("\r\nAuthorization: Bearer ").append(settings.collectorToken);
    this.request = request.text("\r\nContent-Type: application/x-ndjson\r\nContent-Length: ");
  }

  protected encode(entry: Bytes, sample: Sample): void {
    writeLine(entry, sample);
  }

  protected greet(): void {
    this.expectReply();
  }

  protected fill(now: f64): void {
    const queue = this.queue;
    if (queue.inFlight === 0) {
      queue.take();
      if (queue.inFlight === 0) return;
      this.progressed(now);
      this.expectReply();
      this.batchSent = 0;
      this.out
        .append(this.request)
        .number(queue.inFlightBytes as f64)
        .text("\r\n\r\n");
    }
    const from = this.batchSent;
    const left = queue.inFlightBytes - from;
    const part = left < this.out.room() ? left : this.out.room();
    this.out.part(queue.bytes, from, from + part);
    this.batchSent = from + part;
  }

  protected take(now: f64): void {
    // A reply nobody asked for.
    if (this.queue.inFlight === 0) return this.fail(now);
    for (let i: i32 = 0; i < this.inbox.length; i++) {
      if (this.bodyLeft >= 0) this.bodyLeft = this.bodyLeft - 1;
      else if (this.takeHead(this.inbox.at(i), now)) return;
      if (this.bodyLeft === 0) return this.answered(now, i + 1 < this.inbox.length);
    }
  }

  /** Whether the reply is dealt with. */
  private takeHead(byte: i32, now: f64): bool {
    const reply = this.reply;
    reply.feed(byte);
    this.replyBytes = this.replyBytes + 1;
    if (reply.isGarbage || this.replyBytes > MAX_REPLY) {
      this.fail(now);
      return true;
    }
    if (!reply.isComplete) return false;
    this.bodyLeft = reply.bodyLength();
    if (this.bodyLeft >= 0 && this.bodyLeft <= (MAX_REPLY as f64)) return false;
    // Its end is not worth finding: the status counts, the next batch has a connection of its own.
    this.answered(now, true);
    return true;
  }

  private answered(now: f64, isSpoilt: bool): void {
    const status = this.reply.status;
    const isDelivered = status >= 200 && status < 300;
    // Lines the collector calls malformed would be malformed for ever.
    const isHopeless = status === 400 || status === 413 || status === 422;
    const isLast = isSpoilt || this.reply.isLast || !this.isBatchSent();
    if (!isDelivered) this.tellRefusal("", status);
    if (!isDelivered && !isHopeless) return this.fail(now);
    if (isHopeless) this.queue.refused();
    else {
      this.queue.delivered(Infinity);
      this.delivered(now);
    }
    if (isLast) this.close();
  }

  private isBatchSent(): bool {
    return this.isAllSent() && this.batchSent === this.queue.inFlightBytes;
  }

  private expectReply(): void {
    this.reply.reset();
    this.replyBytes = 0;
    this.bodyLeft = -1;
  }
}
