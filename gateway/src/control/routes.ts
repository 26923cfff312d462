/** What the gateway serves now, for people who ask why a host answers as it does. */
import { Hono } from "hono";
import type { ServingTable } from "../routing/route-table.ts";

export function routeRoutes(table: () => ServingTable): Hono {
  const app = new Hono();
  app.get("/routes", (c) => {
    const { routes, serving, backends } = table();
    return c.json({
      routes: [...routes.entries()].map(([host, route]) => ({
        host,
        projectId: route.projectId,
        targets: route.targets,
        serving: serving.get(route.projectId) ?? null,
      })),
      backends: Object.fromEntries(backends),
    });
  });
  return app;
}
