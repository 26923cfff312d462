/** One port for two protocols: HTTP/2 announces itself with `PRI`, everything else is HTTP/1. */
import type { IncomingMessage, Server as HttpServer, ServerResponse } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { CONNECTION_BOUNDS, OpenConnections } from "./open-connections.ts";

export interface SharedPortOptions {
  /** 0 picks a free one. */
  readonly port: number;
  /** Given by a server that counts its HTTP/2 calls there; those of `http` are counted here. */
  readonly connections?: OpenConnections;
  /** A connection ends when it has not said within this time which protocol it speaks. */
  readonly silenceMs?: number;
  /** Takes an HTTP/2 connection. */
  readonly toGrpc: (socket: Socket) => void;
  /** Never listens itself. */
  readonly http: HttpServer;
}

export interface SharedPort {
  readonly port: number;
  close(): Promise<void>;
}

const HTTP2_START = "PRI";
/** Everybody speaks at once on the loopback: seconds are for a machine that is busy or was asleep. */
export const SILENCE_MS = 10_000;

/** Throws BifrostError "port-taken". */
export async function openSharedPort(options: SharedPortOptions): Promise<SharedPort> {
  const { port, http, toGrpc, silenceMs = SILENCE_MS } = options;
  const connections = options.connections ?? new OpenConnections(CONNECTION_BOUNDS);
  const server = createServer((socket) => {
    if (!connections.admit(socket)) {
      socket.destroy();
      return;
    }
    socket.on("close", () => connections.forget(socket));
    socket.on("error", () => socket.destroy());
    socket.setNoDelay(true);
    sniff(socket, silenceMs, (isHttp2) => {
      connections.hasSpoken(socket);
      if (isHttp2) toGrpc(socket);
      else http.emit("connection", socket);
    });
  });
  http.on("request", (request: IncomingMessage, response: ServerResponse) => {
    response.once("close", connections.begin(request.socket));
  });
  await listening(server, port);
  // Node watches over headersTimeout and requestTimeout from when a server listens, which this one never does.
  http.emit("listening");
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        http.close();
        connections.destroyAll();
      }),
  };
}

function sniff(socket: Socket, silenceMs: number, decide: (isHttp2: boolean) => void): void {
  let start = Buffer.alloc(0);
  const deadline = setTimeout(() => socket.destroy(), silenceMs);
  socket.once("close", () => clearTimeout(deadline));
  const onReadable = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    start = Buffer.concat([start, chunk]);
    const text = start.subarray(0, HTTP2_START.length).toString("latin1");
    if (text.length < HTTP2_START.length && HTTP2_START.startsWith(text)) return;
    clearTimeout(deadline);
    socket.off("readable", onReadable);
    socket.unshift(start);
    decide(text === HTTP2_START);
  };
  socket.on("readable", onReadable);
}

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === "EADDRINUSE";
      reject(
        isTaken
          ? new BifrostError("port-taken", `Port ${port} is in use; choose another.`, { port })
          : error,
      );
    });
    server.listen(port, "127.0.0.1", () => resolve());
  });
}
