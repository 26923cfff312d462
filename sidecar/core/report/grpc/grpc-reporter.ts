/** Reports over one bidirectional gRPC stream, on HTTP/2 with prior knowledge: samples out, acknowledged numbers back. */
import { Acks } from "./acks.ts";
import { authority } from "../../wire/address.ts";
import { Bytes, bytesOf } from "../../wire/bytes.ts";
import * as host from "../../host.ts";
import * as hpack from "./hpack.ts";
import * as http2 from "./http2.ts";
import { MAX_MESSAGE, writeMessage } from "./protobuf.ts";
import { Reporter } from "../reporter.ts";
import { Sample } from "../sample.ts";
import { SendWindow } from "./send-window.ts";
import { Settings } from "../../settings/settings.ts";

const STREAM: i32 = 1;

const HEADER_TABLE_SIZE: i32 = 1;
const ENABLE_PUSH: i32 = 2;
const INITIAL_WINDOW_SIZE: i32 = 4;
const SETTING: i32 = 6;

/** Given back to the collector in one piece, a quarter of what it may send. */
const WINDOW_PART: i32 = 16_384;
/** Of a longer block the begin is read. */
const MAX_BLOCK: i32 = 512;

/** gRPC's code for samples that would be malformed for ever. */
const INVALID_ARGUMENT: i32 = 3;

export class GrpcReporter extends Reporter {
  /** What each connection begins with. */
  private readonly greeting: Bytes;
  private readonly window: SendWindow = new SendWindow();
  private readonly acks: Acks = new Acks();
  private readonly status: hpack.CallStatus = new hpack.CallStatus();
  /** Bytes of the queue that went out as DATA. */
  private streamed: i32 = 0;
  private readonly frame: http2.FrameHead = new http2.FrameHead();
  /** Whether the bytes that arrive are a frame's payload, and how many of them are to come. */
  private isInFrame: bool = false;
  private left: i32 = 0;
  /** Filling at the end of the payload; -1 = its length is the next byte. */
  private padding: i32 = 0;
  /** Bytes before a header block that say nothing. */
  private skipped: i32 = 0;
  private readonly payload: Bytes = new Bytes(8);
  private readonly block: Bytes = new Bytes(MAX_BLOCK);
  private isFirstFrame: bool = true;
  private isInBlock: bool = false;
  private isLastBlock: bool = false;
  /** Bytes received and not given back yet. */
  private owed: i32 = 0;

  constructor(settings: Settings) {
    super(settings, settings.isTls ? host.TLS_HTTP2 : host.PLAIN, MAX_MESSAGE);
    const block = requestBlock(settings);
    const greeting = new Bytes(block.length + 64).text("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    http2.writeFrameHead(greeting, SETTING + SETTING, http2.SETTINGS, 0, 0);
    http2.writeWord(greeting.byte(0).byte(HEADER_TABLE_SIZE), 0);
    http2.writeWord(greeting.byte(0).byte(ENABLE_PUSH), 0);
    http2.writeFrameHead(greeting, block.length, http2.HEADERS, http2.END_HEADERS, STREAM);
    this.greeting = greeting.append(block);
  }

  protected encode(entry: Bytes, sample: Sample): void {
    writeMessage(entry, sample);
  }

  protected greet(): void {
    this.window.reset();
    this.acks.reset();
    this.frame.reset();
    this.streamed = 0;
    this.isInFrame = false;
    this.isFirstFrame = true;
    this.isInBlock = false;
    this.owed = 0;
    this.out.append(this.greeting);
  }

  protected fill(_now: f64): void {
    this.queue.take();
    const unsent = this.queue.inFlightBytes - this.streamed;
    const room = Math.min(this.window.room(), (this.out.room() - http2.FRAME_HEAD) as f64);
    const length = Math.min(room, unsent as f64) as i32;
    if (length <= 0) return;
    http2.writeFrameHead(this.out, length, http2.DATA, 0, STREAM);
    this.out.part(this.queue.bytes, this.streamed, this.streamed + length);
    this.streamed = this.streamed + length;
    this.window.spend(length as f64);
  }

  protected take(now: f64): void {
    for (let i: i32 = 0; i < this.inbox.length; i++) {
      if (!this.feed(this.inbox.at(i), now)) return this.fail(now);
    }
  }

  /** False = the call is over, or this is no HTTP/2. */
  private feed(byte: i32, now: f64): bool {
    if (!this.isInFrame) {
      if (!this.frame.feed(byte)) return true;
      if (!this.begin()) return false;
    } else {
      this.left = this.left - 1;
      if (!this.feedPayload(byte, now)) return false;
    }
    if (this.left > 0) return true;
    this.isInFrame = false;
    return this.end();
  }

  /** A frame begins. */
  private begin(): bool {
    const frame = this.frame;
    const isExpected = this.isFirstFrame
      ? frame.kind === http2.SETTINGS && !frame.has(http2.ACK)
      : this.isInBlock === (frame.kind === http2.CONTINUATION);
    if (!isExpected || !frame.isLegal()) return false;
    const isPaddable = frame.kind === http2.DATA || frame.kind === http2.HEADERS;
    this.isFirstFrame = false;
    this.isInFrame = true;
    this.left = frame.length;
    this.padding = isPaddable && frame.has(http2.PADDED) ? -1 : 0;
    this.skipped = frame.kind === http2.HEADERS && frame.has(http2.PRIORITY) ? 5 : 0;
    this.payload.clear();
    if (frame.kind === http2.HEADERS) {
      this.block.clear();
      this.isInBlock = true;
      this.isLastBlock = frame.has(http2.END_STREAM);
    }
    return true;
  }

  private feedPayload(byte: i32, now: f64): bool {
    if (this.padding < 0) {
      this.padding = byte;
      return byte <= this.left;
    }
    if (this.left < this.padding) return true;
    if (this.skipped > 0) {
      this.skipped = this.skipped - 1;
      return true;
    }
    const kind = this.frame.kind;
    if (kind === http2.DATA) return !this.acks.feed(byte) || this.acknowledged(now);
    if (kind === http2.HEADERS || kind === http2.CONTINUATION) this.block.byte(byte);
    else this.payload.byte(byte);
    return kind !== http2.SETTINGS || this.payload.length < SETTING || this.takeSetting();
  }

  /** A frame is complete. */
  private end(): bool {
    const frame = this.frame;
    // Shorter than its own flags say.
    if (this.padding < 0 || this.skipped > 0) return false;
    if (frame.kind === http2.DATA) return this.endData();
    if (frame.kind === http2.HEADERS || frame.kind === http2.CONTINUATION) return this.endBlock();
    if (frame.kind === http2.WINDOW_UPDATE) {
      return this.window.grow(frame.stream === STREAM, http2.wordAt(this.payload, 0) as f64);
    }
    if (frame.kind === http2.SETTINGS && !frame.has(http2.ACK)) {
      http2.writeFrameHead(this.out, 0, http2.SETTINGS, http2.ACK, 0);
    }
    if (frame.kind === http2.PING && !frame.has(http2.ACK)) {
      http2.writeFrameHead(this.out, 8, http2.PING, http2.ACK, 0).append(this.payload);
    }
    return frame.kind !== http2.RST_STREAM && frame.kind !== http2.GOAWAY;
  }

  private endData(): bool {
    this.owed = this.owed + this.frame.length;
    if (this.owed >= WINDOW_PART) {
      for (let stream: i32 = 0; stream <= STREAM; stream++) {
        http2.writeFrameHead(this.out, 4, http2.WINDOW_UPDATE, 0, stream);
        http2.writeWord(this.out, this.owed);
      }
      this.owed = 0;
    }
    return !this.frame.has(http2.END_STREAM);
  }

  private takeSetting(): bool {
    const name = (this.payload.at(0) << 8) | this.payload.at(1);
    const isTooLarge = this.payload.at(2) > 127;
    const value = http2.wordAt(this.payload, 2) as f64;
    this.payload.clear();
    return name !== INITIAL_WINDOW_SIZE || (!isTooLarge && this.window.setInitial(value));
  }

  private endBlock(): bool {
    if (!this.frame.has(http2.END_HEADERS)) return true;
    this.isInBlock = false;
    const status = this.status;
    status.read(this.block);
    if (status.grpc > 0) {
      this.tellRefusal("grpc-status ", status.grpc);
      if (status.grpc === INVALID_ARGUMENT) this.queue.refused();
    } else if (status.http > 0 && status.http !== 200) this.tellRefusal("", status.http);
    return !this.isLastBlock;
  }

  private acknowledged(now: f64): bool {
    const before = this.queue.inFlightBytes;
    if (this.acks.seq < 0) return false;
    if (!this.queue.delivered(this.acks.seq)) return true;
    this.streamed = this.streamed - (before - this.queue.inFlightBytes);
    this.delivered(now);
    // Nobody can have taken over what was not sent.
    return this.streamed >= 0;
  }
}

function requestBlock(settings: Settings): Bytes {
  const block = new Bytes(1536);
  const value = new Bytes(640);
  hpack.writeIndexed(block, hpack.METHOD_POST);
  hpack.writeIndexed(block, settings.isTls ? hpack.SCHEME_HTTPS : hpack.SCHEME_HTTP);
  hpack.writeLiteral(block, hpack.PATH, value.text("/bifrost.v1.Telemetry/Report"));
  authority(value.clear(), settings.collectorHost, settings.collectorPort);
  hpack.writeLiteral(block, hpack.AUTHORITY, value);
  hpack.writeLiteral(block, hpack.CONTENT_TYPE, value.clear().text("application/grpc"));
  hpack.writeNamed(block, bytesOf("te"), value.clear().text("trailers"));
  value.clear().text("Bearer ").append(settings.collectorToken);
  hpack.writeLiteral(block, hpack.AUTHORIZATION, value);
  hpack.writeNamed(block, bytesOf("bifrost-deployment"), settings.deploymentId);
  return block;
}
