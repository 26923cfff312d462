/**
 * What stands before one service on Cloud Run, as far as a node can tell: it ends TLS, answers at once for an instance that
 * is gone, keeps its own connections, and lets through nothing but requests to the one port.
 */
import { request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { ServerCertificate } from "../../../sidecar/testing/certificates.ts";

export class Front {
  /** Port of the instance; null = there is none. */
  instance: number | null = null;
  /** Requests that the instance answered. */
  answered = 0;
  readonly #server: Server;

  private constructor(certificate: ServerCertificate) {
    this.#server = createServer(certificate, (request, response) => this.#pass(request, response));
  }

  static async start(certificate: ServerCertificate): Promise<Front> {
    const front = new Front(certificate);
    await new Promise<void>((resolve) => void front.#server.listen(0, "127.0.0.1", resolve));
    return front;
  }

  get url(): string {
    return `https://localhost:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #pass(request: IncomingMessage, response: ServerResponse): void {
    const { method, url: path, headers } = request;
    const unavailable = (): void => {
      if (!response.headersSent) response.writeHead(503);
      response.end("The request was aborted because there was no available instance.");
    };
    if (this.instance === null) return unavailable();
    const passed = httpRequest(
      { host: "127.0.0.1", port: this.instance, method, path, headers },
      (answer) => {
        this.answered++;
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.on("error", () => response.destroy()).pipe(response);
      },
    );
    passed.on("error", unavailable);
    request.pipe(passed);
    return undefined;
  }
}
