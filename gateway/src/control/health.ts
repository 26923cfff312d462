/** Liveness and readiness of this process itself. */
import { Hono } from "hono";

/**
 * `parts`: what must be there before this process is of use, and whether it is. `details`: what else is amiss, in words;
 * traffic is served all the same.
 */
export function healthRoutes(
  parts: () => Readonly<Record<string, boolean>>,
  details: () => Readonly<Record<string, string>> = () => ({}),
): Hono {
  const app = new Hono();
  app.get("/health", (c) => c.json({ ok: true }));
  app.get("/ready", (c) => {
    const state = parts();
    const ready = Object.values(state).every(Boolean);
    const amiss = details();
    const told = Object.keys(amiss).length === 0 ? {} : { details: amiss };
    return c.json({ ready, ...state, ...told }, ready ? 200 : 503);
  });
  return app;
}
