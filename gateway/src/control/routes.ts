/** What the gateway serves now, for people who ask why a host answers as it does. */
import { Hono } from "hono";
import type { ServingTable } from "../routing/route-table.ts";

export function routeRoutes(table: () => ServingTable): Hono {
  const app = new Hono();
  app.get("/routes", (c) => {
    const { hosts, serving, addresses } = table();
    return c.json({
      routes: [...hosts.values()].flat().map(({ host, prefix, projectId, targets, redirect }) => ({
        host,
        prefix,
        projectId,
        targets,
        redirect,
        serving: serving.get(projectId) ?? null,
      })),
      backends: Object.fromEntries(addresses),
    });
  });
  return app;
}
