/** For operators: what is connected, and how to take the gateway out of service. */
import { Hono } from "hono";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { DataPlanes } from "../workers/data-planes.ts";

export interface Operations {
  readonly dataPlanes: Pick<DataPlanes, "connections" | "restart">;
  /** Accepts nothing more; resolves when all is answered, at the latest after `graceMs`. */
  readonly drain: (graceMs: number) => Promise<void>;
}

const DEFAULT_GRACE_MS = 7500;
const MOST_GRACE_MS = 600_000;

export function operationRoutes({ dataPlanes, drain }: Operations): Hono {
  const app = new Hono();
  app.get("/connections", async (c) => {
    const planes = await dataPlanes.connections();
    return c.json({
      workers: planes.map(({ pid, clients, upstreams }) => ({
        pid,
        clients,
        upstreams: Object.fromEntries(upstreams),
      })),
    });
  });
  app.post("/drain", async (c) => {
    const graceMs = parseGrace(c.req.query("graceMs"));
    await drain(graceMs);
    return c.json({ drained: true });
  });
  app.post("/restart", async (c) => {
    await dataPlanes.restart();
    return c.json({ restarted: true });
  });
  return app;
}

function parseGrace(text: string | undefined): number {
  if (text === undefined) return DEFAULT_GRACE_MS;
  const graceMs = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (graceMs <= MOST_GRACE_MS) return graceMs;
  throw new BifrostError(
    "bad-request",
    `graceMs must be a whole number from 0 to ${MOST_GRACE_MS}, found ${JSON.stringify(text)}.`,
  );
}
