/** The control API: its own port, never on the data path. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "@hono/node-server";
import { Hono } from "hono";
import { BifrostError, isBifrostError, messageOf } from "@bifrost/shared/domain/errors";
import type { Logger } from "@bifrost/shared/ports/logger";
import { problemResponse } from "./problem.ts";

export interface RunningControl {
  readonly port: number;
  stop(): Promise<void>;
}

export interface ControlOptions {
  readonly host: string;
  readonly port: number;
  readonly routers: readonly { readonly path: string; readonly app: Hono }[];
  readonly log: Logger;
}

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
  const server = createServer((request, response) => void handle(request, response));
  // Sidecars report at their probe interval over one connection; the default of 5 s would close it between reports.
  server.keepAliveTimeout = 75_000;
  await listen(server, options.host, options.port);
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const isTaken = error.code === "EADDRINUSE";
      const message = `The gateway's control API cannot listen on ${host}:${port}: ${error.message}`;
      reject(isTaken ? new BifrostError("port-taken", message, { host, port }) : error);
    });
    server.listen(port, host, resolve);
  });
}
