/** A test gateway with scripted replicas behind one host, and raw clients before it. */
import type { RequestListener } from "node:http";
import type { Socket } from "node:net";
import {
  rawClient,
  startTestGateway,
  type RawClient,
  type TestGateway,
  type TestGatewayOptions,
} from "./test-gateway.ts";
import { TestReplicas, type TestReplica } from "./test-replicas.ts";

export const HOST = "shop.test.local";
export const GET = `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`;
export const OK = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

export class ProxyRig {
  running: TestGateway;
  private readonly replicas = new TestReplicas();

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
    this.replicas.close();
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
  rawReplica(behave: (socket: Socket) => void): Promise<TestReplica> {
    return this.replicas.raw(behave);
  }

  httpReplica(handler: RequestListener): Promise<TestReplica> {
    return this.replicas.http(handler);
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
