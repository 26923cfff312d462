/** The control API: its own port, never on the data path. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import { BifrostError, isBifrostError, messageOf } from "@bifrost/shared/domain/errors";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import { listen } from "./listen.ts";
import { problemResponse } from "./problem.ts";

export interface RunningControl {
  readonly port: number;
  refusedConnections(): number;
  /** Takes no new connections, and lets requests under way end for at most `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

export interface ControlOptions {
  readonly host: string;
  readonly port: number;
  readonly routers: readonly { readonly path: string; readonly app: Hono }[];
  readonly timers: Timers;
  readonly log: Logger;
  /** Replace single limits; for tests. */
  readonly limits?: Partial<Readonly<Record<keyof typeof LIMITS, number>>>;
}

const LIMITS = {
  // One sidecar holds one.
  connections: 8192,
  // Sidecars report at their probe interval over one connection; the default of 5 s would close it between reports.
  keepAliveTimeout: 75_000,
  // Who takes longer for its head or its whole request is no sidecar.
  headersTimeout: 10_000,
  requestTimeout: 20_000,
  connectionsCheckingInterval: 2000,
  maxHeaderSize: 8192,
};

/** How often the end of the last request is looked for. */
const LOOK_MS = 20;

export async function startControl(options: ControlOptions): Promise<RunningControl> {
  const app = new Hono();
  for (const router of options.routers) app.route(router.path, router.app);
  app.notFound((c) =>
    problemResponse(
      new BifrostError("not-found", `There is no ${c.req.method} ${c.req.path} here.`),
    ),
  );
  app.onError((error) => {
    if (!isBifrostError(error)) {
      options.log.error("control request failed", { error: messageOf(error) });
    }
    return problemResponse(error);
  });
  const handle = getRequestListener(app.fetch);
  const limits = { ...LIMITS, ...options.limits };
  const server = createServer(limits, (request, response) => void handle(request, response));
  server.maxConnections = limits.connections;
  let refusedConnections = 0;
  server.on("drop", () => refusedConnections++);
  await listen(server, options, "The control API");
  return {
    port: (server.address() as AddressInfo).port,
    refusedConnections: () => refusedConnections,
    async stop(graceMs) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // A connection is idle as soon as its request is answered.
      for (let leftMs = graceMs; leftMs > 0; leftMs -= LOOK_MS) {
        server.closeIdleConnections();
        const look = options.timers.sleep(Math.min(leftMs, LOOK_MS)).then(() => "open");
        if ((await Promise.race([closed, look])) !== "open") break;
      }
      server.closeAllConnections();
      await closed;
    },
  };
}
