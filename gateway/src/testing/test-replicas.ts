/** Servers acting as replicas, closed together. */
import {
  createServer as createHttpServer,
  type RequestListener,
  type Server as HttpServer,
} from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** One server acting as a replica. */
export interface TestReplica {
  readonly address: string;
  close(): void;
}

export class TestReplicas {
  private readonly all: TestReplica[] = [];

  /** A replica that treats every connection as `behave` says. */
  async raw(behave: (socket: Socket) => void): Promise<TestReplica> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined);
      behave(socket);
    });
    return this.listening(server, () => {
      for (const socket of sockets) socket.destroy();
    });
  }

  async http(handler: RequestListener): Promise<TestReplica> {
    const server = createHttpServer(handler);
    return this.listening(server, () => server.closeAllConnections());
  }

  private async listening(server: Server | HttpServer, cut: () => void): Promise<TestReplica> {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const replica = { address: `127.0.0.1:${port}`, close: () => (server.close(), cut()) };
    this.all.push(replica);
    return replica;
  }

  close(): void {
    for (const replica of this.all) replica.close();
  }
}
