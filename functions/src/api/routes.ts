/** Which release, redirect and policies the hosts of a project have. */
import { routeBody, type RouteView, type TargetView } from "@bifrost/shared/api/routes";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { hostKind } from "@bifrost/shared/domain/hosts";
import { deploymentIdSchema, projectIdSchema } from "@bifrost/shared/domain/ids";
import type { Project } from "@bifrost/shared/domain/project";
import type { Route, RouteTarget } from "@bifrost/shared/domain/route";
import type { Versioned } from "@bifrost/shared/ports/deployment-store";
import { Hono } from "hono";
import * as v from "valibot";
import type { Ports } from "../ports.ts";
import { readJson } from "../read-body.ts";
import { type ApiVariables, requireScope } from "./authenticate.ts";
import { entityTag, requireMatch } from "./entity-tag.ts";
import { findProject } from "./find.ts";
import { resolveRoute } from "./route-changes.ts";

type Needs = Pick<Ports, "projects" | "deployments" | "routes" | "policies" | "config">;

/** More hosts than this are a slip, and every gateway holds all of them. */
const MAX_ROUTES = 100;

/** Mounted at `/projects/:project`. */
export function projectRouteRoutes(ports: Needs) {
  const app = new Hono<{ Variables: ApiVariables }>();

  app.get("/routes", async (context) => {
    const { value: project } = await findProject(
      ports,
      context.get("person"),
      context.req.param("project") ?? "",
    );
    const routes = await ports.routes.list(project.id);
    const items = await Promise.all(routes.map((route) => toView(ports, project, route)));
    return context.json({ items, nextCursor: null });
  });

  app.get("/routes/:host", async (context) => {
    const { value: project } = await findProject(
      ports,
      context.get("person"),
      context.req.param("project") ?? "",
    );
    return answer(ports, project, await findRoute(ports, project, context.req.param("host")));
  });

  app.put("/routes/:host", async (context) => {
    const person = context.get("person");
    requireScope(person, "deploy");
    const { value: project } = await findProject(ports, person, context.req.param("project") ?? "");
    const host = context.req.param("host").toLowerCase();
    const kind = hostKind(host, project.slug, ports.config.domain);
    const found = await ports.routes.read(host);
    const current = found?.value.projectId === project.id ? found : null;
    // The route of a custom domain is there since the domain was verified.
    if (kind === "custom" && current === null) throw noSuchRoute(project, host);
    requireRoute(context.req.header("if-match"), current);
    const body = await readJson(context.req.raw, routeBody);
    const next = await resolveRoute(ports, {
      host,
      project,
      person,
      body,
      before: current?.value ?? null,
    });
    const version = await save(ports, current, next);
    return answer(ports, project, { value: next, version }, current === null ? 201 : 200);
  });

  app.delete("/routes/:host", async (context) => {
    const person = context.get("person");
    requireScope(person, "deploy");
    const { value: project } = await findProject(ports, person, context.req.param("project") ?? "");
    const route = await findRoute(ports, project, context.req.param("host"));
    const { host } = route.value;
    assertDeletable(host, hostKind(host, project.slug, ports.config.domain));
    requireMatch(context.req.header("if-match"), route);
    await ports.routes.delete(route);
    return context.json({ deleted: host });
  });

  return app;
}

/** Whoever names a version means a route that is there. */
function requireRoute(tag: string | undefined, current: Versioned<Route> | null): void {
  if (current !== null) return requireMatch(tag, current);
  if (tag !== undefined)
    throw new BifrostError("precondition-failed", "the route does not exist; leave If-Match out");
}

async function save(ports: Needs, current: Versioned<Route> | null, next: Route): Promise<string> {
  if (current !== null) return ports.routes.change(current, next);
  const { length } = await ports.routes.list(v.parse(projectIdSchema, next.projectId));
  if (length >= MAX_ROUTES) {
    throw new BifrostError(
      "bad-request",
      `a project has at most ${MAX_ROUTES} hosts; remove one first`,
      { hosts: length },
    );
  }
  return ports.routes.create(next);
}

async function findRoute(ports: Needs, project: Project, key: string): Promise<Versioned<Route>> {
  const found = await ports.routes.read(key.toLowerCase());
  if (found?.value.projectId === project.id) return found;
  throw noSuchRoute(project, key);
}

function noSuchRoute(project: Project, host: string): BifrostError {
  return new BifrostError(
    "not-found",
    `${project.slug} has no host ${host}; \`bifrost routes list\` shows its hosts, \`bifrost domains add\` claims a domain`,
    { project: project.slug, host },
  );
}

function assertDeletable(host: string, kind: RouteView["kind"]): void {
  if (kind === "extra") return;
  throw new BifrostError(
    "bad-request",
    kind === "own"
      ? `${host} is the project's own host and stays as long as the project; \`bifrost routes set ${host} --live\` serves the live release there`
      : `${host} is a custom domain: remove it with \`bifrost domains remove ${host}\``,
    { host },
  );
}

async function answer(
  ports: Needs,
  project: Project,
  route: Versioned<Route>,
  status = 200,
): Promise<Response> {
  return Response.json(await toView(ports, project, route), {
    status,
    headers: { etag: entityTag(route) },
  });
}

async function toView(
  ports: Needs,
  project: Project,
  { value: route, version }: Versioned<Route>,
): Promise<RouteView> {
  const port = /:\d+$/.exec(ports.config.domain)?.[0] ?? "";
  const { host, stickiness, redirect, policies } = route;
  const paths = route.paths.map(async ({ projectId, targets, ...rule }) => ({
    ...rule,
    project: await slugOf(ports, projectId),
    targets: await targetViews(ports, targets),
  }));
  return {
    host,
    kind: hostKind(host, project.slug, ports.config.domain),
    url: `${ports.config.scheme}://${host}${port}`,
    targets: await targetViews(ports, route.targets),
    stickiness,
    redirect,
    paths: await Promise.all(paths),
    policies,
    version,
  };
}

async function slugOf(ports: Needs, projectId: string | undefined): Promise<string | null> {
  if (projectId === undefined) return null;
  const id = v.safeParse(projectIdSchema, projectId);
  return (id.success ? await ports.projects.read(id.output) : null)?.value.slug ?? projectId;
}

function targetViews(ports: Needs, targets: readonly RouteTarget[]): Promise<TargetView[]> {
  return Promise.all(
    targets.map(async ({ deploymentId, weight, name = null }) => {
      const id = v.safeParse(deploymentIdSchema, deploymentId);
      const found = id.success ? await ports.deployments.read(id.output) : null;
      return { deployment: deploymentId, number: found?.value.number ?? null, weight, name };
    }),
  );
}
