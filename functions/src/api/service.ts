/** The public REST API: thin routers over the same ports the other functions use. */
import { renderDiagnostics } from "@bifrost/shared/app-config/diagnostic";
import { parseAppConfig } from "@bifrost/shared/app-config/parse";
import { validateBody } from "@bifrost/shared/api/schemas";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { Hono } from "hono";
import type { Ports } from "../ports.ts";
import { readJson } from "../read-body.ts";
import { problemResponse, type Service } from "../service.ts";
import { type ApiVariables, authenticate } from "./authenticate.ts";
import { deploymentRoutes, projectDeploymentRoutes } from "./deployments.ts";
import { projectDomainRoutes } from "./domains.ts";
import { idempotent } from "./idempotency.ts";
import { policyRoutes } from "./policies.ts";
import { platformPolicyRoutes, projectPolicyRoutes } from "./policy-attachments.ts";
import { projectRoutes } from "./projects.ts";
import { projectRouteRoutes } from "./routes.ts";

export function apiService(ports: Ports): Service {
  const app = new Hono<{ Variables: ApiVariables }>().basePath("/v1");
  app.onError((error) => {
    if (!(error instanceof BifrostError) || error.status >= 500)
      ports.log.error("api request failed", { error });
    return problemResponse(error);
  });
  app.notFound((context) =>
    problemResponse(
      new BifrostError(
        "not-found",
        `${context.req.method} ${context.req.path} is not part of the API`,
      ),
    ),
  );
  app.get("/health", (context) => context.json({ healthy: true }));
  app.use(authenticate(ports.teams));
  app.use(idempotent(ports.idempotency));
  app.get("/whoami", (context) => context.json(context.get("person")));
  app.post("/validate", async (context) => {
    const { source } = await readJson(context.req.raw, validateBody, 128 * 1024);
    const parsed = parseAppConfig(source);
    if (parsed.ok) return context.json({ valid: true });
    return context.json({
      valid: false,
      diagnostics: parsed.diagnostics,
      rendered: renderDiagnostics(source, parsed.diagnostics, { fileName: "deploy.toml" }),
    });
  });
  app.route("/projects", projectRoutes(ports));
  app.route("/projects/:project", projectDeploymentRoutes(ports));
  app.route("/projects/:project", projectRouteRoutes(ports));
  app.route("/projects/:project", projectDomainRoutes(ports));
  app.route("/projects/:project/policies", projectPolicyRoutes(ports));
  app.route("/platform/policies", platformPolicyRoutes(ports));
  app.route("/policies", policyRoutes(ports));
  app.route("/deployments", deploymentRoutes(ports));
  return async (request) => app.fetch(request);
}
