/** Liveness and readiness of the gateway itself. */
import { Hono } from "hono";

export interface Readiness {
  /** Whether the first complete table arrived. */
  readonly routes: boolean;
  readonly backends: boolean;
}

export function healthRoutes(readiness: () => Readiness): Hono {
  const app = new Hono();
  app.get("/health", (c) => c.json({ ok: true }));
  app.get("/ready", (c) => {
    const state = readiness();
    const ready = state.routes && state.backends;
    return c.json({ ready, ...state }, ready ? 200 : 503);
  });
  return app;
}
