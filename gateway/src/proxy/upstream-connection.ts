/** One connection to a replica: writes requests, reads responses, and knows when it may be used again. */
import { connect, type Socket } from "node:net";
import { chunked, NO_BODY, ofLength, untilClose, type BodyFraming } from "./body-framing.ts";
import type { EventClock } from "./event-clock.ts";
import { MAX_HEAD_BYTES } from "./parse-head.ts";
import { isBodiless, ResponseHeads, type ResponseHead } from "./parse-response-head.ts";
import type { TurnEnd } from "./turn-end.ts";

const HEAD_END = "\r\n\r\n";

/**
 * One for all connections: a read is dealt with before the next one begins, so only what outlives it is copied. Saves a
 * buffer of 64 KiB for every read, which was a tenth of the time.
 */
const READ_BUFFER = Buffer.allocUnsafe(64 * 1024);

/**
 * So much is decoded at once, head and body: cheaper than a search among bytes and decoding twice. What fits is written
 * with one system call and without a buffer of its own.
 */
const SMALL_BYTES = 16 * 1024;

/** Of one response; a few are in use, and each may be as long as a head. */
const MAX_INTERIMS = 32;

/** How a connection ended too early; decides between another address, a replay, 502 and 504. */
export type UpstreamFailure =
  | "connect-refused"
  | "connect-timeout"
  | "no-answer"
  | "bad-answer"
  | "cut-off";

/** The exchange a connection works for. Calls arrive in the order of the wire; buffers are only lent for the call. */
export interface UpstreamUser {
  onConnected(): void;
  /** 1xx other than 101. */
  onInterim(head: ResponseHead): void;
  onHead(head: ResponseHead, endsByClose: boolean): void;
  /** A part of the body as it is to be forwarded; a string has the bytes as latin1. */
  onBody(part: Buffer | string): void;
  /** All that one read brought has been handed over: what is held back for a joint write must go. */
  onRead(): void;
  /** The response is complete and this connection is no longer the user's. */
  onEnd(): void;
  /** 101: from now on bytes both ways; `rest` came behind the head. */
  onTunnel(head: ResponseHead, rest: Buffer): void;
  onTunnelData(part: Buffer): void;
  onTunnelEnd(): void;
  onDrain(): void;
  /** The connection is gone; nothing else follows. */
  onFailure(failure: UpstreamFailure): void;
}

/** What a connection must know of the request to frame its response. */
export interface RequestTraits {
  readonly isHead: boolean;
  readonly isForHttp10: boolean;
  readonly wantsUpgrade: boolean;
}

export interface ConnectionOwner {
  readonly clock: EventClock;
  readonly turnEnd: TurnEnd;
  /** Ready for another request. */
  onIdle(connection: UpstreamConnection): void;
  onClosed(connection: UpstreamConnection): void;
}

/** `10.0.0.1:80`, `[fd00::1]:80`; in brackets no socket takes an address. */
export function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  return { host, port: Number(address.slice(colon + 1)) };
}

export class UpstreamConnection {
  readonly address: string;
  /** Whether a request before this one used the connection. */
  isReused = false;
  /** When the last response ended, for expiry. */
  idleSince = 0;
  private readonly owner: ConnectionOwner;
  private readonly socket: Socket;
  private phase: "connecting" | "idle" | "head" | "body" | "tunnel" | "closed" = "connecting";
  private user: UpstreamUser | null = null;
  private traits: RequestTraits = { isHead: false, isForHttp10: false, wantsUpgrade: false };
  private partialHead: Buffer | null = null;
  private readonly heads = new ResponseHeads();
  private framing: BodyFraming = NO_BODY;
  private endsByClose = false;
  private keepsAlive = true;
  private hasAnswered = false;
  /** Of the present response. */
  private interims = 0;
  /** A request that is written at the end of this turn. */
  private outgoing = "";

  constructor(address: string, connectTimeoutMs: number, owner: ConnectionOwner) {
    this.address = address;
    this.owner = owner;
    this.socket = connect({
      ...parseAddress(address),
      noDelay: true,
      allowHalfOpen: true,
      onread: {
        buffer: READ_BUFFER,
        callback: (length) => this.read(READ_BUFFER.subarray(0, length)),
      },
    });
    this.socket.setTimeout(connectTimeoutMs, () => this.fail("connect-timeout"));
    this.socket.on("connect", () => this.connected());
    this.socket.on("drain", () => this.user?.onDrain());
    this.socket.on("end", () => this.ended());
    this.socket.on("error", () => this.fail(this.failureNow()));
    this.socket.on("close", () => this.fail(this.failureNow()));
  }

  /** Hands the connection to `user`; onConnected follows now or once it is connected. */
  use(user: UpstreamUser, traits: RequestTraits): void {
    this.user = user;
    this.traits = traits;
    this.hasAnswered = false;
    this.interims = 0;
    this.keepsAlive = true;
    if (this.phase === "connecting") return;
    this.isReused = true;
    this.phase = "head";
    user.onConnected();
  }

  /** For a request without a body. */
  writeWhole(request: string): void {
    this.outgoing = request;
    this.owner.turnEnd.add(this.sendOutgoing);
  }

  private readonly sendOutgoing = (): void => {
    const request = this.outgoing;
    this.outgoing = "";
    if (request !== "" && this.phase !== "closed") this.socket.write(request, "latin1");
  };

  /** False when the caller should stop until onDrain. */
  write(data: Buffer | string): boolean {
    return typeof data === "string" ? this.socket.write(data, "latin1") : this.socket.write(data);
  }

  /** Runs `task` so that all it writes leaves together. */
  together(task: () => void): void {
    this.socket.cork();
    task();
    this.socket.uncork();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Half-closes a tunnel. */
  endWriting(): void {
    this.socket.end();
  }

  /** Gives the connection up without telling the user. */
  destroy(): void {
    if (this.phase === "closed") return;
    this.phase = "closed";
    this.user = null;
    this.socket.destroy();
    this.owner.onClosed(this);
  }

  private connected(): void {
    this.owner.clock.read();
    this.socket.setTimeout(0);
    if (this.phase !== "connecting" || this.user === null) return;
    this.phase = "head";
    this.user.onConnected();
  }

  /** Answers true: go on reading, unless `pause` was called. */
  private read(data: Buffer): true {
    this.owner.clock.read();
    const user = this.user;
    // Bytes nobody asked for must never become the next client's response.
    if (user === null) this.destroy();
    else if (this.outgoing !== "") this.fail("no-answer");
    else if (this.phase === "tunnel") user.onTunnelData(data);
    else {
      this.hasAnswered = true;
      if (this.phase === "head") this.readHead(data);
      else this.readBody(data, 0, null);
      if (this.user === user) user.onRead();
    }
    return true;
  }

  private readHead(data: Buffer): void {
    const { partialHead } = this;
    this.partialHead = null;
    let left: Buffer | null = partialHead === null ? data : Buffer.concat([partialHead, data]);
    while (left !== null) left = this.takeHead(left, partialHead === null);
  }

  /** Answers what came behind an interim response, where another head is to be; null = nothing. */
  private takeHead(received: Buffer, isLent: boolean): Buffer | null {
    const text = received.length <= SMALL_BYTES ? received.toString("latin1") : null;
    const end = text === null ? received.indexOf(HEAD_END) : text.indexOf(HEAD_END);
    if (end > MAX_HEAD_BYTES || (end < 0 && received.length > MAX_HEAD_BYTES)) {
      return this.refuse();
    }
    if (end < 0) {
      this.partialHead = isLent ? Buffer.from(received) : received;
      return null;
    }
    return this.takeMessage(received, end + HEAD_END.length, text);
  }

  /** `text` is what was received as latin1, unless that is too much. */
  private takeMessage(received: Buffer, bodyAt: number, text: string | null): Buffer | null {
    const lines = text ?? received.toString("latin1", 0, bodyAt);
    const head = this.heads.read(lines, bodyAt, this.traits.isForHttp10);
    if (head === null) return this.refuse();
    if (head.status >= 200 || head.status === 101) {
      this.accept(head, received, bodyAt, text);
      return null;
    }
    if (++this.interims > MAX_INTERIMS) return this.refuse();
    this.user?.onInterim(head);
    return bodyAt < received.length ? received.subarray(bodyAt) : null;
  }

  private refuse(): null {
    this.fail("bad-answer");
    return null;
  }

  private accept(head: ResponseHead, received: Buffer, bodyAt: number, text: string | null): void {
    const user = this.user;
    if (user === null) return;
    if (head.status === 101) {
      if (!this.traits.wantsUpgrade) return this.fail("bad-answer");
      this.phase = "tunnel";
      return user.onTunnel(head, received.subarray(bodyAt));
    }
    this.framing = this.framingOf(head);
    this.endsByClose = !head.isChunked && head.contentLength === null && !this.framing.isDone;
    this.keepsAlive = head.keepsAlive && !this.endsByClose;
    this.phase = "body";
    user.onHead(head, this.endsByClose);
    this.readBody(received, bodyAt, text);
  }

  private framingOf(head: ResponseHead): BodyFraming {
    if (this.traits.isHead || isBodiless(head.status)) return NO_BODY;
    if (head.isChunked) return chunked();
    return head.contentLength === null ? untilClose() : ofLength(head.contentLength);
  }

  private readBody(data: Buffer, from: number, text: string | null): void {
    const user = this.user;
    if (user === null) return;
    const isDecoded = this.traits.isForHttp10;
    let end: number;
    try {
      end = this.framing.feed(data, from, isDecoded ? this.passOn : undefined);
    } catch {
      return this.fail("bad-answer");
    }
    const stop = end < 0 ? data.length : end;
    const isPassedOn = !(isDecoded && this.framing.isChunked === true);
    if (isPassedOn && stop > from)
      user.onBody(text?.slice(from, stop) ?? data.subarray(from, stop));
    if (end < 0) return;
    if (end < data.length) this.keepsAlive = false;
    this.finish();
  }

  private readonly passOn = (part: Buffer): void => this.user?.onBody(part);

  private finish(): void {
    const user = this.user;
    this.user = null;
    if (this.keepsAlive) {
      this.phase = "idle";
      this.socket.resume();
      this.owner.onIdle(this);
    } else this.destroy();
    user?.onEnd();
  }

  /** The user asks not to keep this connection, because its request was not sent to the end. */
  doNotKeep(): void {
    this.keepsAlive = false;
  }

  private ended(): void {
    if (this.phase === "tunnel") return this.user?.onTunnelEnd();
    if (this.phase === "body" && this.endsByClose) {
      this.keepsAlive = false;
      return this.finish();
    }
    return this.fail(this.failureNow());
  }

  private failureNow(): UpstreamFailure {
    if (this.phase === "connecting") return "connect-refused";
    return this.hasAnswered ? "cut-off" : "no-answer";
  }

  private fail(failure: UpstreamFailure): void {
    if (this.phase === "closed") return;
    this.owner.clock.read();
    const user = this.user;
    this.destroy();
    user?.onFailure(failure);
  }
}
