/**
 * The endpoints of a Consul agent that nodes use, as its documentation describes them: registration with a TCP check,
 * deregistration, and the health of a service with blocking queries, datacenters and ACL tokens. It is no Consul.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";

interface Registration {
  readonly ID: string;
  readonly Name: string;
  readonly Address: string;
  readonly Port: number;
  readonly Check: {
    readonly Name: string;
    readonly TCP: string;
    readonly Interval: string;
    readonly Status: string;
    readonly DeregisterCriticalServiceAfter: string;
  };
}

interface Entry {
  readonly registration: Registration;
  status: string;
}

export interface ConsulOptions {
  readonly port: number;
  /** With ACLs: the only token that may do anything. */
  readonly token?: string;
}

const DATACENTER = "dc1";

export class ConsulServer {
  readonly #options: ConsulOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #waiting = new Set<() => void>();
  #index = 10;
  #server: Server | null = null;
  /** Put among the instances of a service as they are. */
  rubbish: readonly unknown[] = [];

  constructor(options: ConsulOptions) {
    this.#options = options;
  }

  get registrations(): readonly Registration[] {
    return [...this.#entries.values()].map(({ registration }) => registration);
  }

  /** Questions that wait for a change. */
  get waiting(): number {
    return this.#waiting.size;
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => {
        response.writeHead(500).end(String(error));
      });
    });
    await new Promise<void>((resolve) =>
      server.listen(this.#options.port, "127.0.0.1", () => resolve()),
    );
    this.#server = server;
  }

  /** Its connections break; what it knows is kept, as Consul's servers do. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    this.#wake();
    await closed;
  }

  /** As after a loss of the agent's data. */
  forget(): void {
    this.#entries.clear();
    this.#index = 1;
    this.#wake();
  }

  /** Consul would do so at each interval. */
  async runChecks(): Promise<void> {
    const checks = [...this.#entries.values()].map(async (entry) => {
      entry.status = (await answers(entry.registration.Check.TCP)) ? "passing" : "critical";
    });
    await Promise.all(checks);
    this.#changed();
  }

  /** Consul would do so when a service was critical for as long as it asked for. */
  reap(): void {
    for (const [id, { status }] of this.#entries)
      if (status === "critical") this.#entries.delete(id);
    this.#changed();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { token } = this.#options;
    if (token !== undefined && request.headers["x-consul-token"] !== token) {
      response.writeHead(403).end("Permission denied: token with AccessorID lacks permission");
      return;
    }
    const url = new URL(request.url ?? "", "http://consul");
    const asked = `${request.method} ${url.pathname}`;
    const [, service] = /^GET \/v1\/health\/service\/([^/]+)$/.exec(asked) ?? [];
    const [, gone] = /^PUT \/v1\/agent\/service\/deregister\/([^/]+)$/.exec(asked) ?? [];
    if (asked === "PUT /v1/agent/service/register") {
      const registration = JSON.parse(await text(request)) as Registration;
      this.#entries.set(registration.ID, { registration, status: registration.Check.Status });
      this.#changed();
      response.end();
    } else if (gone !== undefined) {
      this.#entries.delete(decodeURIComponent(gone));
      this.#changed();
      response.end();
    } else if (service !== undefined) {
      await this.#health(decodeURIComponent(service), url.searchParams, response);
    } else {
      response.writeHead(404).end(`this server does not do ${asked}`);
    }
  }

  async #health(service: string, query: URLSearchParams, response: ServerResponse): Promise<void> {
    const datacenter = query.get("dc") ?? DATACENTER;
    if (datacenter !== DATACENTER) {
      response.writeHead(500).end("No path to datacenter");
      return;
    }
    const seconds = Number(/^(\d+)s$/.exec(query.get("wait") ?? "")?.[1] ?? 300);
    if (Number(query.get("index") ?? 0) >= this.#index) await this.#change(seconds * 1000);
    const found = [...this.#entries.values()]
      .filter(({ registration }) => registration.Name === service)
      .map(({ registration: { ID, Address, Port, Check }, status }) => ({
        Node: { Node: "machine", Address: "127.0.0.1", Datacenter: DATACENTER },
        Service: { ID, Service: service, Address, Port },
        Checks: [
          { CheckID: "serfHealth", Status: "passing", ServiceID: "" },
          { CheckID: `service:${ID}`, Name: Check.Name, Status: status, ServiceID: ID },
        ],
      }));
    response.setHeader("content-type", "application/json");
    response.setHeader("x-consul-index", String(this.#index));
    response.end(JSON.stringify([...found, ...this.rubbish]));
  }

  #change(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(end);
        resolve();
      };
      const timer = setTimeout(end, limitMs);
      this.#waiting.add(end);
    });
  }

  #changed(): void {
    this.#index++;
    this.#wake();
  }

  #wake(): void {
    for (const end of this.#waiting) end();
  }
}

function answers(address: string): Promise<boolean> {
  const [host, port] = address.split(":");
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port) });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
