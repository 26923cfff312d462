/** One port for gRPC and HTTP/1: the first bytes tell which server gets the connection. */
import type http from "node:http";
import net from "node:net";
import * as grpc from "@grpc/grpc-js";

/** How every HTTP/2 connection starts, and no HTTP/1 request does. */
const HTTP2_PREFACE = "PRI";

export interface SharedPort {
  readonly port: number;
  /** Ends the listener and every connection. */
  close(): Promise<void>;
}

/** Listens on 127.0.0.1; port 0 picks a free one. Rejects when the port is taken. */
export function listenShared(
  port: number,
  grpcServer: grpc.Server,
  httpServer: http.Server,
): Promise<SharedPort> {
  const injector = grpcServer.createConnectionInjector(grpc.ServerCredentials.createInsecure());
  const sockets = new Set<net.Socket>();
  const listener = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.setNoDelay(true);
    socket.once("readable", () => {
      const start = socket.read() as Buffer | null;
      if (start === null) return;
      socket.unshift(start);
      if (start.subarray(0, HTTP2_PREFACE.length).toString() === HTTP2_PREFACE) {
        injector.injectConnection(socket);
      } else {
        httpServer.emit("connection", socket);
      }
    });
  });
  return new Promise((resolve, reject) => {
    listener.once("error", reject);
    listener.listen(port, "127.0.0.1", () => {
      const address = listener.address() as net.AddressInfo;
      resolve({ port: address.port, close: () => closeAll(listener, grpcServer, sockets) });
    });
  });
}

function closeAll(
  listener: net.Server,
  grpcServer: grpc.Server,
  sockets: ReadonlySet<net.Socket>,
): Promise<void> {
  return new Promise((resolve) => {
    listener.close(() => resolve());
    grpcServer.forceShutdown();
    for (const socket of sockets) socket.destroy();
  });
}
