/** A stream that this node opened: greets, then carries requests, packets and pings, many at once. */
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import type { Address } from "../member.ts";
import type { Refusal, TransportCount } from "../transport-count.ts";
import { parseHostPort } from "./host-port.ts";
import { MESSAGE, MessageStream, type MessageKind } from "./message-stream.ts";
import { RecordSplitter } from "./record-splitter.ts";
import { ANSWER_BYTES, greet, type Greeting, type StreamSecurity } from "./stream-greeting.ts";

const KEEP_ALIVE_MS = 10_000;

/** PEM. */
export interface StreamTls {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

export interface StreamOptions {
  readonly security: StreamSecurity;
  /** null = plain TCP. */
  readonly tls: StreamTls | null;
  readonly maxBodyBytes: number;
  readonly count: TransportCount;
  readonly timers: Timers;
  /** What the other end is told to reach this node by. */
  localAddress(): Address;
}

/** `refused` and `silent` by the kernel of the other end; `reset`: accepted, then cut off; a Refusal: what was said or heard instead. */
export type StreamEnd = "refused" | "silent" | "reset" | Refusal;

export interface StreamEvents {
  /** The program at the other end has answered, and it is a node of this cluster. */
  onReady(stream: OutgoingStream): void;
  /** Once, before or after it was ready. */
  onEnd(end: StreamEnd, stream: OutgoingStream): void;
}

interface Waiting {
  readonly timer: Timer;
  resolve(body: Uint8Array): void;
  reject(error: Error): void;
}

export class OutgoingStream {
  readonly address: Address;
  /** The kernel of the other end has answered. */
  isConnected = false;
  isReady = false;
  isOver = false;
  /** Of the key it was opened with; null = not sealed, or not ready yet. */
  keyId: number | null = null;
  /** By the clock of its timers: when it was last used for something, and when something came. */
  usedAt: number;
  heardAt = 0;

  readonly #options: StreamOptions;
  readonly #events: StreamEvents;
  readonly #socket: Socket | null;
  readonly #splitter = new RecordSplitter();
  readonly #greetingKey: number;
  readonly #waiting = new Map<number, Waiting>();
  #greeting: Greeting | null = null;
  #messages: MessageStream | null = null;
  #nextId = 1;

  /** `keyId`: of the key to begin with; of no meaning where nothing is sealed. */
  constructor(address: Address, keyId: number, options: StreamOptions, events: StreamEvents) {
    this.address = address;
    this.#greetingKey = keyId;
    this.#options = options;
    this.#events = events;
    this.usedAt = options.timers.now();
    this.#socket = this.#connect(address);
  }

  /** Rejects with `upstream-unavailable` when there is no answer in time. */
  request(body: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    return this.#ask(MESSAGE.request, body, timeoutMs);
  }

  /** Whether the program at the other end still answers on this very stream. */
  async ping(timeoutMs: number): Promise<boolean> {
    return this.#ask(MESSAGE.ping, new Uint8Array(), timeoutMs).then(
      () => true,
      () => false,
    );
  }

  sendPacket(packet: Uint8Array): boolean {
    this.usedAt = this.#options.timers.now();
    return this.#messages?.send(MESSAGE.packet, 0, packet) ?? false;
  }

  get isBusy(): boolean {
    return this.#waiting.size > 0;
  }

  close(): void {
    this.#end("reset");
  }

  #ask(kind: MessageKind, body: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const { timers } = this.#options;
    this.usedAt = timers.now();
    const askedAt = this.usedAt;
    const id = this.#nextId;
    this.#nextId = id === 0xffff_ffff ? 1 : id + 1;
    return new Promise((resolve, reject) => {
      const timer = timers.after(timeoutMs, () => {
        this.#waiting.delete(id);
        reject(noAnswer(this.address, `no answer within ${timeoutMs} ms`));
        // Nothing at all came meanwhile: whatever is in the way of this stream, a new one shows sooner.
        if (this.heardAt < askedAt) this.close();
      });
      this.#waiting.set(id, { timer, resolve, reject });
      if (this.isOver || this.#messages?.send(kind, id, body) !== true) {
        this.#settle(id)?.reject(noAnswer(this.address, "the stream to it is closed"));
        this.close();
      }
    });
  }

  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    waiting?.timer.cancel();
    this.#waiting.delete(id);
    return waiting;
  }

  #connect(address: Address): Socket | null {
    const target = parseHostPort(address);
    if (target === null) {
      queueMicrotask(() => this.#end("malformed"));
      return null;
    }
    const { tls } = this.#options;
    const tcp = connectTcp({ ...target, noDelay: true });
    tcp.setKeepAlive(true, KEEP_ALIVE_MS);
    tcp.once("connect", () => {
      this.isConnected = true;
    });
    // The authority signs certificates of this cluster's nodes and of nothing else, so a name would add nothing.
    const socket =
      tls === null
        ? tcp
        : connectTls({
            socket: tcp,
            ...tls,
            minVersion: "TLSv1.3",
            checkServerIdentity: () => undefined,
          });
    socket.once(tls === null ? "connect" : "secureConnect", () => this.#greet(socket));
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    const onError = (error: NodeJS.ErrnoException) => this.#end(this.#meaningOf(error));
    socket.on("error", onError);
    if (socket !== tcp) tcp.on("error", onError);
    socket.once("close", () => this.#end(this.isConnected ? "reset" : "silent"));
    return socket;
  }

  #meaningOf(error: NodeJS.ErrnoException): StreamEnd {
    if (error.code === "ECONNREFUSED") return "refused";
    if (!this.isConnected) return "silent";
    return error.code === "ECONNRESET" || error.code === "EPIPE" ? "reset" : "unauthenticated";
  }

  #greet(socket: Socket): void {
    this.#greeting = greet(this.#options.security, this.#greetingKey);
    this.#options.count.streamBytesSent += this.#greeting.bytes.length;
    socket.write(this.#greeting.bytes);
  }

  #onData(chunk: Buffer): void {
    if (this.isOver) return;
    this.#options.count.streamBytesReceived += chunk.length;
    this.heardAt = this.#options.timers.now();
    this.#splitter.push(chunk);
    const problem = this.#finishGreeting() ?? this.#messages?.read() ?? null;
    if (problem === null) return;
    this.#options.count.refuse(problem);
    this.#end(problem);
  }

  #finishGreeting(): Refusal | null {
    if (this.#messages !== null || this.#greeting === null) return null;
    const answer = this.#splitter.take(ANSWER_BYTES);
    if (answer === null) return null;
    const greeted = this.#greeting.finish(answer);
    if (typeof greeted === "string") return greeted;
    this.keyId = greeted.keyId;
    const { count, maxBodyBytes } = this.#options;
    this.#messages = new MessageStream({
      sink: this.#socket ?? CLOSED,
      records: greeted.records,
      splitter: this.#splitter,
      count,
      maxBodyBytes,
      onMessage: (kind, id, body) => this.#onMessage(kind, id, body),
    });
    return null;
  }

  #onMessage(kind: MessageKind, id: number, body: Buffer): void {
    if (kind === MESSAGE.ready) {
      if (this.isReady) return;
      this.isReady = true;
      this.#messages?.send(MESSAGE.intro, 0, Buffer.from(this.#options.localAddress(), "latin1"));
      this.#events.onReady(this);
    } else if (kind === MESSAGE.answer || kind === MESSAGE.pong) {
      this.#settle(id)?.resolve(body);
    } else if (kind === MESSAGE.failed) {
      this.#settle(id)?.reject(noAnswer(this.address, "it failed to answer; its log says why"));
    }
  }

  #end(end: StreamEnd): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#socket?.destroy();
    for (const id of this.#waiting.keys()) {
      this.#settle(id)?.reject(noAnswer(this.address, "the stream to it ended"));
    }
    this.#events.onEnd(end, this);
  }
}

const CLOSED = { writableLength: 0, writable: false, write: () => false };

export function noAnswer(address: Address, why: string): BifrostError {
  return new BifrostError("upstream-unavailable", `the node at ${address} gave no answer: ${why}`, {
    address,
  });
}
