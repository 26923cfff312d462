/** Addresses of 127.64.0.0/10 for pods, free ports for their processes, and the pipes between the two. */
import { createServer, connect } from "node:net";
import type { Server, Socket } from "node:net";

const FIRST = (127 << 24) | (64 << 16);
const SIZE = 1 << 22;
/** Every port number as a seed has this many addresses before it meets the next one's. */
const SPREAD = SIZE >>> 16;

/** Hands out each address to one pod at a time; goes round, so a freed one rests before it returns. */
export class PodAddresses {
  readonly #taken = new Set<string>();
  #next: number;

  /** `seed`: anything that two platforms on one machine do not share, so that they begin far apart. */
  constructor(seed = 0) {
    this.#next = ((seed * SPREAD) % (SIZE - 2)) + 1;
  }

  /** `wished` (from before a restart) when it is free. */
  take(wished?: string): string {
    if (wished !== undefined && !this.#taken.has(wished)) {
      this.#taken.add(wished);
      return wished;
    }
    for (;;) {
      const number = FIRST + this.#next;
      this.#next = (this.#next % (SIZE - 2)) + 1;
      const address = [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join(".");
      if (this.#taken.has(address)) continue;
      this.#taken.add(address);
      return address;
    }
  }

  free(address: string): void {
    this.#taken.delete(address);
  }
}

/** Below the range the kernel takes for outgoing connections, so that a freed port is not stolen meanwhile. */
const PORT_FLOOR = 20_000;
const PORT_COUNT = 12_000;

export class FreePorts {
  readonly #taken = new Set<number>();
  #next = Math.floor(process.pid * 37) % PORT_COUNT;

  /** A port nobody listens on, reserved until it is freed. */
  async take(): Promise<number> {
    for (let tries = 0; tries < PORT_COUNT; tries += 1) {
      const port = PORT_FLOOR + this.#next;
      this.#next = (this.#next + 1) % PORT_COUNT;
      if (this.#taken.has(port)) continue;
      this.#taken.add(port);
      if (await canListen(port)) return port;
      this.#taken.delete(port);
    }
    throw new Error("no free port left for pods");
  }

  free(port: number): void {
    this.#taken.delete(port);
  }
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "0.0.0.0", () => server.close(() => resolve(true)));
  });
}

/** Forwards `address:port` to 127.0.0.1:`targetPort`, byte for byte, each direction closing on its own. */
export class PortForward {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(targetPort: number) {
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      const upstream = connect({
        host: "127.0.0.1",
        port: targetPort,
        allowHalfOpen: true,
        noDelay: true,
      });
      this.#keep(client, upstream);
      this.#keep(upstream, client);
      client.pipe(upstream).pipe(client);
    });
  }

  listen(address: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, address, resolve);
    });
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #keep(socket: Socket, peer: Socket): void {
    this.#sockets.add(socket);
    // A reset on one side is a reset on the other: the caller must not mistake it for an end.
    socket.on("error", () => peer.resetAndDestroy());
    socket.on("close", () => {
      this.#sockets.delete(socket);
      if (!peer.destroyed && !socket.readableEnded) peer.destroy();
    });
  }
}
