/** A test gateway with scripted replicas behind one host, and raw clients before it. */
import {
  createServer as createHttpServer,
  type RequestListener,
  type Server as HttpServer,
} from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import {
  rawClient,
  startTestGateway,
  type RawClient,
  type TestGateway,
  type TestGatewayOptions,
} from "./test-gateway.ts";

export const HOST = "shop.test.local";
export const GET = `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`;
export const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/** One server acting as a replica. */
export interface TestReplica {
  readonly address: string;
  close(): void;
}

export class ProxyRig {
  running: TestGateway;
  private readonly replicas: TestReplica[] = [];

  private constructor(running: TestGateway) {
    this.running = running;
  }

  static async start(options: TestGatewayOptions = {}): Promise<ProxyRig> {
    return new ProxyRig(await startTestGateway(options));
  }

  async restart(options: TestGatewayOptions): Promise<void> {
    await this.running.gateway.stop(0);
    this.running = await startTestGateway(options);
  }

  async stop(): Promise<void> {
    await this.running.gateway.stop(0);
    for (const replica of this.replicas) replica.close();
  }

  get listener() {
    return this.running.listener;
  }

  client(): Promise<RawClient> {
    return rawClient(this.running.gateway.port);
  }

  /** Makes these replicas the live release of HOST. */
  serve(...replicas: readonly TestReplica[]): void {
    this.running.setBackends({ first: replicas.map((replica) => replica.address) });
    this.running.setRoutes({ [HOST]: {} }, { project: "first" });
  }

  /** A replica that treats every connection as `behave` says. */
  async rawReplica(behave: (socket: Socket) => void): Promise<TestReplica> {
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

  async httpReplica(handler: RequestListener): Promise<TestReplica> {
    const server = createHttpServer(handler);
    return this.listening(server, () => server.closeAllConnections());
  }

  private async listening(server: Server | HttpServer, cut: () => void): Promise<TestReplica> {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const replica = { address: `127.0.0.1:${port}`, close: () => (server.close(), cut()) };
    this.replicas.push(replica);
    return replica;
  }
}

/** Reads requests up to their empty line and answers each with `answer`. */
export function answering(answer: string): (socket: Socket) => void {
  return (socket) => {
    let received = "";
    socket.on("data", (data) => {
      received += data.toString("latin1");
      for (let end = received.indexOf("\r\n\r\n"); end >= 0; end = received.indexOf("\r\n\r\n")) {
        received = received.slice(end + 4);
        socket.write(answer, "latin1");
      }
    });
  };
}
