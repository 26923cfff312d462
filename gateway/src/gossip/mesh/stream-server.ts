/**
 * Listens for the streams of other nodes. Strangers get a little time, a little memory and no more; when there are too many
 * the one that has waited for longest goes, because a node needs two round trips to show that it is one.
 */
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import { IncomingStream, type IncomingOptions } from "./incoming-stream.ts";
import type { StreamTls } from "./outgoing-stream.ts";

/** From being accepted to being known as a node. */
const INTRODUCTION_MS = 5_000;
const MAX_STRANGERS = 256;
const MAX_STREAMS = 2048;
/** Accepted and sent away again at once, beyond the others. */
const MAX_TURNOVER = 256;

export interface StreamServerOptions extends Omit<IncomingOptions, "onIntroduced"> {
  readonly tls: StreamTls | null;
  readonly timers: Timers;
}

export class StreamServer {
  readonly #options: StreamServerOptions;
  readonly #server: Server;
  /** Every accepted socket, in TLS the ones under way too. */
  readonly #sockets = new Set<Socket>();
  readonly #streams = new Set<IncomingStream>();
  /** By where they call from, the longest first. */
  readonly #strangers = new Map<string, { readonly socket: Socket; readonly timer: Timer }>();

  constructor(options: StreamServerOptions) {
    this.#options = options;
    const { tls } = options;
    this.#server =
      tls === null
        ? createTcpServer((socket) => this.#accept(socket))
        : createTlsServer(
            {
              ...tls,
              requestCert: true,
              rejectUnauthorized: true,
              minVersion: "TLSv1.3",
              handshakeTimeout: INTRODUCTION_MS,
            },
            (socket) => this.#accept(socket),
          );
    this.#server.maxConnections = MAX_STREAMS + MAX_STRANGERS + MAX_TURNOVER;
    this.#server.on("connection", (socket) => this.#hold(socket));
    this.#server.on("tlsClientError", () => options.count.refuse("unauthenticated"));
  }

  /** Answers the port. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port, backlog: 1024 }, () => {
        this.#server.removeListener("error", reject);
        // Such as too many open files: the next call may be accepted again.
        this.#server.on("error", () => this.#options.count.refuse("too-many-streams"));
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Ends the streams that were opened with this key. */
  endStreamsOf(keyId: number): void {
    for (const stream of this.#streams) if (stream.keyId === keyId) stream.close();
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  /** Before anything came from it, and before TLS. */
  #hold(socket: Socket): void {
    const { count, timers } = this.#options;
    const caller = callerOf(socket);
    this.#sockets.add(socket);
    socket.on("error", () => {});
    const timer = timers.after(INTRODUCTION_MS, () => {
      count.refuse("unauthenticated");
      socket.destroy();
    });
    this.#strangers.set(caller, { socket, timer });
    socket.once("close", () => {
      this.#sockets.delete(socket);
      if (this.#strangers.get(caller)?.socket === socket) this.#introduced(caller);
    });
    if (this.#strangers.size <= MAX_STRANGERS) return;
    const [longest] = this.#strangers;
    if (longest === undefined) return;
    count.refuse("too-many-streams");
    this.#introduced(longest[0]);
    longest[1].socket.destroy();
  }

  #introduced(caller: string): void {
    this.#strangers.get(caller)?.timer.cancel();
    this.#strangers.delete(caller);
  }

  #accept(socket: Socket): void {
    if (this.#streams.size >= MAX_STREAMS) {
      this.#options.count.refuse("too-many-streams");
      return void socket.destroy();
    }
    const caller = callerOf(socket);
    const onIntroduced = () => this.#introduced(caller);
    const stream = new IncomingStream(socket, { ...this.#options, onIntroduced });
    this.#streams.add(stream);
    socket.once("close", () => this.#streams.delete(stream));
    return undefined;
  }
}

/** The same of a socket and of the one that TLS puts around it. */
function callerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
