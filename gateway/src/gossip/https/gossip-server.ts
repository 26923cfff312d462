/** Answers the POSTs of other nodes. Who calls is settled by their token before a byte of the body is read. */
import {
  createServer as createHttp,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createHttps } from "node:https";
import type { AddressInfo } from "node:net";
import type { Address } from "../member.ts";
import type { TransportCount } from "../transport-count.ts";
import type { TransportHandlers } from "../transport.ts";
import { GOSSIP_PATH, parseNodeUrl } from "./node-url.ts";
import { MAX_BATCH_BYTES } from "./outbox.ts";
import { joinPackets, splitPackets } from "./packet-batch.ts";
import { NODE_HEADER } from "./post.ts";

/** Longer than what stands before a node keeps its connections, so that it is never this end that closes one in use. */
const KEEP_ALIVE_MS = 620_000;
const HEADERS_MS = 10_000;
const REQUEST_MS = 30_000;
const MAX_CONNECTIONS = 1024;

export const FROM_HEADER = "bifrost-from";
export const LABEL_HEADER = "bifrost-label";

export interface GossipServerOptions {
  /** PEM; null = TLS ends before this program. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
  readonly labelTag: string;
  readonly maxPacketBytes: number;
  readonly maxRequestBytes: number;
  readonly count: TransportCount;
  readonly handlers: Pick<TransportHandlers, "onPacket" | "onRequest">;
  /** Throws when the caller is no node of this cluster. */
  authenticate(token: string): Promise<void>;
  /** Runs `task` and answers what was sent to `to` meanwhile: it rides on the response. */
  collect(to: Address, task: () => void): readonly Uint8Array[];
}

export class GossipServer {
  readonly #options: GossipServerOptions;
  readonly #server: Server;

  constructor(options: GossipServerOptions) {
    this.#options = options;
    const answer = (request: IncomingMessage, response: ServerResponse) => {
      void this.#answer(request, response).catch(() => response.destroy());
    };
    this.#server = options.tls === null ? createHttp(answer) : createHttps(options.tls, answer);
    this.#server.keepAliveTimeout = KEEP_ALIVE_MS;
    this.#server.headersTimeout = HEADERS_MS;
    this.#server.requestTimeout = REQUEST_MS;
    this.#server.maxConnections = MAX_CONNECTIONS;
  }

  /** Answers the port. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen({ host, port }, () => {
        this.#server.removeListener("error", reject);
        this.#server.on("error", () => this.#options.count.refuse("too-many-streams"));
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { labelTag, count } = this.#options;
    response.setHeader(NODE_HEADER, labelTag);
    const operation = operationOf(request);
    if (operation === null) return end(response, 404);
    if (request.headers[LABEL_HEADER] !== labelTag) {
      count.refuse("other-cluster");
      return end(response, 409);
    }
    if (!(await this.#isNode(request))) {
      count.refuse("unauthenticated");
      return end(response, 401);
    }
    const from = String(request.headers[FROM_HEADER] ?? "");
    if (parseNodeUrl(from) === null) {
      count.refuse("malformed");
      return end(response, 400);
    }
    const limit = operation === "packets" ? MAX_BATCH_BYTES : this.#options.maxRequestBytes;
    const body = await this.#read(request, limit);
    if (body === null) {
      count.refuse("too-large");
      return end(response, 413);
    }
    return operation === "packets"
      ? this.#takePackets(from, body, response)
      : this.#takeRequest(from, body, response);
  }

  async #isNode(request: IncomingMessage): Promise<boolean> {
    const [scheme, token = ""] = (request.headers.authorization ?? "").split(" ");
    try {
      await this.#options.authenticate(scheme === "Bearer" ? token : "");
      return true;
    } catch {
      return false;
    }
  }

  async #read(request: IncomingMessage, limit: number): Promise<Buffer | null> {
    const parts: Buffer[] = [];
    let bytes = 0;
    for await (const part of request as AsyncIterable<Buffer>) {
      bytes += part.length;
      if (bytes > limit) return null;
      parts.push(part);
    }
    this.#options.count.streamBytesReceived += bytes;
    return Buffer.concat(parts);
  }

  #takePackets(from: Address, body: Buffer, response: ServerResponse): void {
    const { count, handlers, maxPacketBytes } = this.#options;
    const packets = splitPackets(body, maxPacketBytes);
    if (packets === null) {
      count.refuse("malformed");
      return end(response, 400);
    }
    const replies = this.#options.collect(from, () => {
      for (const packet of packets) {
        count.receivedPacket(packet.length);
        handlers.onPacket(from, packet);
      }
    });
    return end(response, 200, joinPackets(replies));
  }

  async #takeRequest(from: Address, body: Buffer, response: ServerResponse): Promise<void> {
    try {
      const answer = await this.#options.handlers.onRequest(from, body);
      const fits = answer.length <= this.#options.maxRequestBytes;
      if (!fits) this.#options.count.refuse("too-large");
      this.#options.count.streamBytesSent += fits ? answer.length : 0;
      end(response, fits ? 200 : 500, fits ? answer : undefined);
    } catch {
      // Whoever handles requests logs its own errors; here only the other end is waiting.
      end(response, 500);
    }
  }
}

function operationOf({ method, url }: IncomingMessage): "packets" | "request" | null {
  if (method !== "POST") return null;
  if (url === `${GOSSIP_PATH}/packets`) return "packets";
  return url === `${GOSSIP_PATH}/request` ? "request" : null;
}

function end(response: ServerResponse, status: number, body: Uint8Array = new Uint8Array()): void {
  response.statusCode = status;
  // Neither a stranger nor a body that was not read is worth a connection.
  const isStranger = status === 401 || status === 404 || status === 409;
  const isUnread = status !== 200 && !response.req.complete;
  if (isStranger || isUnread) response.setHeader("connection", "close");
  response.setHeader("content-length", body.length);
  response.end(body);
}
