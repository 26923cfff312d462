/** Real servers on loopback that answer well, badly, slowly or not at all. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { createSecureContext, type TlsOptions, TLSSocket } from "node:tls";

/** What is done with a connection that was accepted. */
export type Manners = (socket: Socket) => void | Promise<void>;

export interface RawServer {
  readonly port: number;
  /** Connections accepted so far, and those that are open. */
  readonly accepted: number;
  readonly open: number;
  manners: Manners;
  /** Closes the port and every connection. */
  shut(): Promise<void>;
  /** Listens on the same port again. */
  reopen(): Promise<void>;
}

export async function rawServer(manners: Manners, host = "127.0.0.1"): Promise<RawServer> {
  const sockets = new Set<Socket>();
  let server: Server;
  const raw = {
    port: 0,
    accepted: 0,
    manners,
    get open() {
      return sockets.size;
    },
    async shut() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    async reopen() {
      server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
        raw.accepted += 1;
        sockets.add(socket);
        socket.on("error", () => undefined);
        socket.on("close", () => sockets.delete(socket));
        void raw.manners(socket);
      });
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(raw.port, host, resolve);
      });
      raw.port = (server.address() as AddressInfo).port;
    },
  };
  await raw.reopen();
  return raw;
}

export const hang: Manners = (socket) => {
  socket.resume();
  socket.once("end", () => socket.end());
};

export const reset: Manners = (socket) => void socket.once("data", () => socket.resetAndDestroy());

/** Answers every request with the same bytes; `keepOpen` for what a client must not wait the end of. */
export function answer(bytes: string, { keepOpen = false } = {}): Manners {
  return (socket) => {
    socket.once("data", () => {
      if (keepOpen) socket.write(bytes, "latin1");
      else socket.end(bytes, "latin1");
    });
    socket.once("end", () => socket.end());
  };
}

/** Splits what it sends into pieces of that many bytes, each in a packet of its own. */
export function dribble(bytes: string, pieceLength: number): Manners {
  return async (socket) => {
    socket.resume();
    for (let at = 0; at < bytes.length && socket.writable; at += pieceLength) {
      socket.write(bytes.slice(at, at + pieceLength), "latin1");
      await sleep(2);
    }
    socket.end();
  };
}

/** What a healthy app answers. */
export const OK = answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");

const GIGABYTE = 1024 ** 3;

/** `head`, and then more than anybody wants: as fast as it is taken. */
export function flood(head: string): Manners {
  const chunk = Buffer.alloc(64 * 1024, "x");
  return (socket) => {
    let left = GIGABYTE;
    const pour = (): void => {
      while (left > 0 && socket.writable) {
        left -= chunk.length;
        if (!socket.write(chunk)) return;
      }
      socket.end();
    };
    socket.on("drain", pour);
    socket.resume();
    socket.write(head);
    pour();
  };
}

/** Passes every byte on to another server, and back. */
export function forwardTo(port: number): Manners {
  return (socket) => {
    const upstream = connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
    upstream.on("error", () => socket.destroy());
    socket.on("close", () => upstream.destroy());
    upstream.on("close", () => socket.destroy());
    socket.pipe(upstream).pipe(socket);
  };
}

/** The same behind TLS. */
export function overTls(certificate: TlsOptions, manners: Manners): Manners {
  const context = createSecureContext(certificate);
  return (socket) => {
    const secured = new TLSSocket(socket, { isServer: true, secureContext: context });
    secured.on("error", () => socket.destroy());
    void manners(secured);
  };
}

/** A client that has connected and says nothing. */
export async function callerOf(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1" });
  socket.on("error", () => undefined);
  await new Promise((resolve) => void socket.once("connect", resolve));
  return socket;
}

export async function freePort(): Promise<number> {
  const server = await rawServer(hang);
  await server.shut();
  return server.port;
}
