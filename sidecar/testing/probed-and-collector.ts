/** What a sidecar is measured and tested against: an app to probe and a collector, both real servers on loopback. */
import { createServer as createHttpServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, isIPv6 } from "node:net";
import type { TlsOptions } from "node:tls";

export interface Probed {
  readonly port: number;
  probes(): number;
  close(): Promise<void>;
}

export interface Collector {
  readonly port: number;
  /** Samples that arrived, in order of arrival. */
  readonly samples: readonly Readonly<Record<string, unknown>>[];
  readonly tokens: ReadonlySet<string>;
  connections(): number;
  close(): Promise<void>;
}

/** Answers every path with 200. */
export async function startProbed(address = "127.0.0.1"): Promise<Probed> {
  let probes = 0;
  const server = createHttpServer((_, response) => {
    probes += 1;
    response.end("ok");
  });
  const port = await listen(server, address);
  return { port, probes: () => probes, close: () => close(server) };
}

/** Takes NDJSON; over TLS when given a certificate. */
export async function startCollector(tls?: TlsOptions, address = "127.0.0.1"): Promise<Collector> {
  const samples: Record<string, unknown>[] = [];
  const tokens = new Set<string>();
  let connections = 0;
  const take = async (request: IncomingMessage) => {
    let text = "";
    for await (const chunk of request.setEncoding("utf8")) text += chunk as string;
    tokens.add(request.headers.authorization ?? "");
    for (const line of text.split("\n").filter(Boolean)) {
      samples.push(JSON.parse(line) as Record<string, unknown>);
    }
  };
  const server =
    tls === undefined ? createHttpServer() : createHttpsServer({ ...tls, keepAlive: true });
  server.on("request", (request, response) => {
    void take(request).then(() => response.writeHead(204).end());
  });
  server.on(tls === undefined ? "connection" : "secureConnection", () => (connections += 1));
  const port = await listen(server, address);
  return { port, samples, tokens, connections: () => connections, close: () => close(server) };
}

export interface Ports {
  readonly probed: number;
  readonly collector: number;
}

/** A sidecar's whole environment: nothing is inherited. */
export function sidecarEnvironment(
  ports: Ports,
  changes: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    DEPLOYMENT_ID: "d-measured",
    REPLICA: "replica-1",
    PROBE_HOST: "127.0.0.1",
    PROBE_PORT: String(ports.probed),
    PROBE_PATH: "/healthz",
    PROBE_INTERVAL_MS: "50",
    PROBE_TIMEOUT_MS: "2000",
    COLLECTOR_HOST: "127.0.0.1",
    COLLECTOR_PORT: String(ports.collector),
    COLLECTOR_TOKEN: "token",
    ...changes,
  };
}

function listen(server: Server, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ port: 0, host: address, ipv6Only: isIPv6(address) }, () =>
      resolve((server.address() as AddressInfo).port),
    );
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
