/** Listens for the streams of other nodes. Strangers get a little time, a little memory and no more. */
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { Timers } from "@bifrost/shared/domain/time";
import { IncomingStream, type IncomingOptions } from "./incoming-stream.ts";
import type { StreamTls } from "./outgoing-stream.ts";

/** From being accepted to being known as a node. */
const INTRODUCTION_MS = 5_000;
const MAX_STRANGERS = 256;
const MAX_STREAMS = 2048;

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
  #strangers = 0;

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
    this.#server.maxConnections = MAX_STREAMS + MAX_STRANGERS;
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

  #hold(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    socket.on("error", () => {});
  }

  #accept(socket: Socket): void {
    const { count, timers } = this.#options;
    if (this.#strangers >= MAX_STRANGERS || this.#streams.size >= MAX_STREAMS) {
      count.refuse("too-many-streams");
      return void socket.destroy();
    }
    this.#strangers++;
    let isStranger = true;
    const known = () => {
      if (isStranger) this.#strangers--;
      isStranger = false;
      timer.cancel();
    };
    const timer = timers.after(INTRODUCTION_MS, () => {
      count.refuse("unauthenticated");
      socket.destroy();
    });
    const stream = new IncomingStream(socket, { ...this.#options, onIntroduced: known });
    this.#streams.add(stream);
    socket.once("close", () => {
      known();
      this.#streams.delete(stream);
    });
    return undefined;
  }
}
