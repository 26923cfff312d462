/** Liveness and readiness of this process itself. */
import { Hono } from "hono";

/** `parts`: what must be there before this process is of use, and whether it is. */
export function healthRoutes(parts: () => Readonly<Record<string, boolean>>): Hono {
  const app = new Hono();
  app.get("/health", (c) => c.json({ ok: true }));
  app.get("/ready", (c) => {
    const state = parts();
    const ready = Object.values(state).every(Boolean);
    return c.json({ ready, ...state }, ready ? 200 : 503);
  });
  return app;
}
