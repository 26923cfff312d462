/** A stream that another node opened: answers its greeting, then its requests. */
import type { Socket } from "node:net";
import type { Address } from "../member.ts";
import type { Refusal, TransportCount } from "../transport-count.ts";
import type { TransportHandlers } from "../transport.ts";
import { parseHostPort } from "./host-port.ts";
import { MESSAGE, MessageStream, type MessageKind } from "./message-stream.ts";
import { RecordSplitter } from "./record-splitter.ts";
import { GREETING_BYTES, receive, type StreamSecurity } from "./stream-greeting.ts";

const KEEP_ALIVE_MS = 10_000;
/** Requests of one stream that are being answered; more of them wait in the kernel's buffer. */
const MAX_AT_ONCE = 256;
const MAX_ADDRESS_BYTES = 255;

export interface IncomingOptions {
  readonly security: StreamSecurity;
  readonly maxBodyBytes: number;
  readonly count: TransportCount;
  readonly handlers: Pick<TransportHandlers, "onPacket" | "onRequest">;
  /** The other end has shown that it is a node of this cluster. */
  onIntroduced(stream: IncomingStream): void;
}

export class IncomingStream {
  /** Of the key it was opened with; null = not sealed. */
  keyId: number | null = null;
  /** What the other node is reached by; null = it has not introduced itself. */
  from: Address | null = null;

  readonly #socket: Socket;
  readonly #options: IncomingOptions;
  readonly #splitter = new RecordSplitter();
  #messages: MessageStream | null = null;
  #atOnce = 0;

  constructor(socket: Socket, options: IncomingOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#onData(chunk));
    // Its close follows.
    socket.on("error", () => {});
  }

  close(): void {
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    if (this.#socket.destroyed) return;
    this.#options.count.streamBytesReceived += chunk.length;
    this.#splitter.push(chunk);
    const problem = this.#receive() ?? this.#messages?.read() ?? null;
    if (problem === null) return;
    this.#options.count.refuse(problem);
    // What was written before, such as the refusal of a greeting, still goes out.
    this.#socket.destroySoon();
  }

  #receive(): Refusal | null {
    if (this.#messages !== null) return null;
    const greeting = this.#splitter.take(GREETING_BYTES);
    if (greeting === null) return null;
    const { security, count, maxBodyBytes } = this.#options;
    const { answer, greeted } = receive(greeting, security);
    count.streamBytesSent += answer.length;
    this.#socket.write(answer);
    if (typeof greeted === "string") return greeted;
    this.keyId = greeted.keyId;
    this.#messages = new MessageStream({
      sink: this.#socket,
      records: greeted.records,
      splitter: this.#splitter,
      count,
      maxBodyBytes,
      onMessage: (kind, id, body) => this.#onMessage(kind, id, body),
    });
    this.#messages.send(MESSAGE.ready, 0, new Uint8Array());
    return null;
  }

  #onMessage(kind: MessageKind, id: number, body: Buffer): void {
    const { from } = this;
    if (from === null) return this.#introduce(kind, body);
    if (kind === MESSAGE.packet) this.#options.handlers.onPacket(from, body);
    else if (kind === MESSAGE.ping) this.#reply(MESSAGE.pong, id, new Uint8Array());
    else if (kind === MESSAGE.request) void this.#answer(from, id, body);
    return undefined;
  }

  #introduce(kind: MessageKind, body: Buffer): void {
    const address = body.toString("latin1");
    const isAddress = body.length <= MAX_ADDRESS_BYTES && parseHostPort(address) !== null;
    if (kind !== MESSAGE.intro || !isAddress) {
      this.#options.count.refuse("broken-stream");
      return this.close();
    }
    this.from = address;
    this.#options.onIntroduced(this);
    return undefined;
  }

  async #answer(from: Address, id: number, body: Buffer): Promise<void> {
    if (++this.#atOnce >= MAX_AT_ONCE) this.#socket.pause();
    try {
      const answer = await this.#options.handlers.onRequest(from, body);
      const fits = answer.length <= this.#options.maxBodyBytes;
      if (!fits) this.#options.count.refuse("too-large");
      this.#reply(fits ? MESSAGE.answer : MESSAGE.failed, id, fits ? answer : new Uint8Array());
    } catch {
      // Whoever handles requests logs its own errors; here only the other end is waiting.
      this.#reply(MESSAGE.failed, id, new Uint8Array());
    } finally {
      if (--this.#atOnce < MAX_AT_ONCE && this.#socket.isPaused()) this.#socket.resume();
    }
  }

  #reply(kind: MessageKind, id: number, body: Uint8Array): void {
    if (this.#messages?.send(kind, id, body) === false) this.close();
  }
}
