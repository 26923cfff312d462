/** The data plane's listening socket, its clients and the one sweep that enforces all deadlines. */
import { createServer, type Server } from "node:net";
import type { AddressInfo } from "node:net";
import type { Timer, Timers } from "@bifrost/shared/domain/time";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { ClientConnection } from "./client-connection.ts";
import { EventClock } from "./event-clock.ts";
import type { GossipEntrance } from "./gossip-entrance.ts";
import type { ProxyLimits, ProxyMetrics, ProxyServices } from "./services.ts";
import { traceparents } from "./trace-context.ts";
import { trustedProxies } from "./trusted-proxies.ts";
import { UpstreamPool, type PoolLimits } from "./upstream-pool.ts";

/** One pass over live connections instead of timers per request; deadlines are late by at most this. */
const SWEEP_MS = 250;

/**
 * A request may be on its way over a connection that looks idle: for so long it is still answered, with the word that it
 * was the last, before connections that stay idle are closed.
 */
const LAST_REQUESTS_MS = 250;

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly limits: ProxyLimits;
  readonly poolLimits: PoolLimits;
  readonly publicScheme: "http" | "https";
  readonly timers: Timers;
  /** First part of every request id; differs between processes. */
  readonly idPrefix: string;
  readonly randomBytes: (size: number) => Buffer;
  /** Addresses and CIDR blocks of the proxies that are believed when they name their client. */
  readonly trustedProxies: readonly string[];
  readonly gossip: GossipEntrance | null;
  readonly findSite: ProxyServices["findSite"];
  readonly chooseBackends: ProxyServices["chooseBackends"];
  readonly sites: ProxyServices["sites"];
  readonly onAttempt: ProxyServices["onAttempt"];
  readonly onServed: ProxyServices["onServed"];
}

export interface RunningListener {
  readonly port: number;
  readonly pool: UpstreamPool;
  readonly metrics: Readonly<ProxyMetrics>;
  clients(): number;
  /** Stops accepting, lets responses under way end for at most `graceMs`, then cuts what is left. */
  stop(graceMs: number): Promise<void>;
}

export async function startListener(options: ListenerOptions): Promise<RunningListener> {
  const { timers } = options;
  const clients = new Set<ClientConnection>();
  const metrics: ProxyMetrics = {
    requests: 0,
    forwarded: 0,
    pages: 0,
    retried: 0,
    broken: 0,
    waited: 0,
  };
  const clock = new EventClock(timers);
  const pool = new UpstreamPool(options.poolLimits, clock);
  let isDraining = false;
  const empty = new AbortController();

  const services: ProxyServices = {
    ...options,
    clock,
    pool,
    metrics,
    isTrusted: trustedProxies(options.trustedProxies),
    nextTraceparent: traceparents(options.randomBytes),
    isDraining: () => isDraining,
    nextRequestId: requestIds(options.idPrefix),
    onClosed(connection) {
      clients.delete(connection);
      if (isDraining && clients.size === 0) empty.abort();
    },
  };

  const server = createServer({ noDelay: true, allowHalfOpen: true, keepAlive: true }, (socket) => {
    if (clients.size >= options.limits.maxClients) return socket.destroy();
    return clients.add(new ClientConnection(socket, services));
  });
  await listen(server, options.host, options.port);

  let sweepTimer: Timer = timers.after(SWEEP_MS, sweep);
  function sweep(): void {
    const now = clock.read();
    for (const client of clients) if (now >= client.deadline) client.onDeadline();
    pool.sweep();
    sweepTimer = timers.after(SWEEP_MS, sweep);
  }

  async function stop(graceMs: number): Promise<void> {
    isDraining = true;
    server.close();
    await drain(clients, { graceMs, timers, empty: empty.signal });
    sweepTimer.cancel();
    for (const client of clients) client.destroy();
    pool.destroyIdle();
  }

  return {
    port: (server.address() as AddressInfo).port,
    pool,
    metrics,
    clients: () => clients.size,
    stop,
  };
}

/** Ends at the latest after `graceMs`; `empty` = when no client is left. */
async function drain(
  clients: ReadonlySet<ClientConnection>,
  options: { readonly graceMs: number; readonly timers: Timers; readonly empty: AbortSignal },
): Promise<void> {
  const { graceMs, timers, empty } = options;
  if (clients.size === 0) return;
  const lastMs = Math.min(LAST_REQUESTS_MS, graceMs);
  await timers.sleep(lastMs, empty);
  for (const client of clients) client.drain();
  await timers.sleep(graceMs - lastMs, empty);
}

function requestIds(prefix: string): () => string {
  let serial = 0;
  return () => `${prefix}-${(++serial).toString(36)}`;
}

/** Rejects with `port-taken` when someone else listens there. */
function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === "EADDRINUSE";
      const message = `The gateway cannot listen on ${host}:${port}: ${error.message}`;
      reject(isTaken ? new BifrostError("port-taken", message, { host, port }) : error);
    });
    server.listen(port, host, 4096, resolve);
  });
}
