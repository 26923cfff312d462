/** One port for two protocols: HTTP/2 announces itself with `PRI`, everything else is HTTP/1. */
import type { Server as HttpServer } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { BifrostError } from "@bifrost/shared/domain/errors";

export interface SharedPort {
  readonly port: number;
  close(): Promise<void>;
}

const HTTP2_START = "PRI";

/** Throws BifrostError "port-taken". */
export async function openSharedPort(
  port: number,
  toGrpc: (socket: Socket) => void,
  http: HttpServer,
): Promise<SharedPort> {
  // An http.Server that never listens does not know its sockets when it closes, so they are kept here.
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.setNoDelay(true);
    sniff(socket, (isHttp2) => {
      if (isHttp2) toGrpc(socket);
      else http.emit("connection", socket);
    });
  });
  await listening(server, port);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function sniff(socket: Socket, decide: (isHttp2: boolean) => void): void {
  let start = Buffer.alloc(0);
  const onReadable = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    start = Buffer.concat([start, chunk]);
    const text = start.subarray(0, HTTP2_START.length).toString("latin1");
    if (text.length < HTTP2_START.length && HTTP2_START.startsWith(text)) return;
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
