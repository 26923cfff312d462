/** What a person asks of a route, resolved to what is stored: deployments and projects by id, policies that exist. */
import type { RouteBody } from "@bifrost/shared/api/routes";
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { deploymentIdSchema } from "@bifrost/shared/domain/ids";
import { isBelow, matchPath, normalPrefix } from "@bifrost/shared/domain/match-path";
import type { PolicyAttachment } from "@bifrost/shared/domain/policy";
import type { Project } from "@bifrost/shared/domain/project";
import { LIVE_TARGET, RouteSchema, type Route } from "@bifrost/shared/domain/route";
import type { Person } from "@bifrost/shared/ports/team-directory";
import * as v from "valibot";
import type { Ports } from "../ports.ts";
import { findProject } from "./find.ts";
import { requireAttachable } from "./policy-attachments.ts";

type Needs = Pick<Ports, "projects" | "deployments" | "policies">;
type PathBody = NonNullable<RouteBody["paths"]>[number];
type TargetBody = NonNullable<RouteBody["targets"]>[number];

export interface RouteRequest {
  readonly host: string;
  readonly project: Project;
  readonly person: Person;
  readonly body: RouteBody;
  /** What is there now; null = nothing. */
  readonly before: Route | null;
}

/** Throws `not-found` or `bad-request` for what cannot be served. */
export async function resolveRoute(
  ports: Needs,
  { host, project, person, body, before }: RouteRequest,
): Promise<Route> {
  const { stickiness, redirect, policies = [], targets = [], paths = [] } = body;
  const route = {
    host,
    projectId: project.id,
    targets: await resolveTargets(ports, project, targets),
    stickiness,
    redirect,
    paths: await Promise.all(paths.map((rule) => resolvePath(ports, project, person, rule))),
    policies,
  };
  const parsed = v.safeParse(RouteSchema, route);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new BifrostError("bad-request", `${v.getDotPath(issue) ?? "route"}: ${issue.message}`);
  }
  assertLeadsElsewhere(parsed.output);
  await requireAttachable(ports, attachmentsOf(parsed.output), {
    teamId: project.teamId,
    before: before === null ? [] : attachmentsOf(before),
  });
  return parsed.output;
}

async function resolvePath(ports: Needs, own: Project, person: Person, rule: PathBody) {
  const { project: key, targets = [], ...rest } = rule;
  const project = key === undefined ? own : (await findProject(ports, person, key)).value;
  if (project.teamId !== own.teamId) {
    throw new BifrostError(
      "bad-request",
      `${rule.prefix} cannot be served by ${project.slug}: it belongs to another team than ${own.slug}`,
      { prefix: rule.prefix, project: project.slug },
    );
  }
  if (project.id !== own.id && targets.length > 0) {
    throw new BifrostError(
      "bad-request",
      `${rule.prefix} is served by the live release of ${project.slug}: leave its targets out, only ${project.slug} splits its own traffic`,
      { prefix: rule.prefix, project: project.slug },
    );
  }
  return {
    ...rest,
    ...(project.id === own.id ? {} : { projectId: project.id }),
    targets: await resolveTargets(ports, project, targets),
  };
}

async function resolveTargets(ports: Needs, project: Project, targets: readonly TargetBody[]) {
  if (targets.length > 0 && targets.every(({ weight }) => weight === 0)) {
    throw new BifrostError("bad-request", "no target has a weight: nothing would be served");
  }
  return Promise.all(
    targets.map(async ({ deployment, weight, name }) => ({
      deploymentId: await resolveDeployment(ports, project, deployment),
      weight,
      ...(name === undefined ? {} : { name }),
    })),
  );
}

async function resolveDeployment(
  ports: Needs,
  project: Project,
  key: number | string,
): Promise<string> {
  if (key === LIVE_TARGET) return LIVE_TARGET;
  const found = await findTarget(ports, project, key);
  if (found === null) {
    throw new BifrostError(
      "not-found",
      `${project.slug} has no deployment ${key}; \`bifrost deployments\` lists them`,
      { project: project.slug, deployment: key },
    );
  }
  const isRunning = found.state === "healthy" || found.state === "running";
  if (isRunning && found.retiredAt === null) return found.id;
  const why = isRunning ? "its replicas have ended" : `it is ${found.state}`;
  throw new BifrostError(
    "bad-request",
    `deployment ${found.number} cannot take traffic: ${why}; name one that runs, or bring it back: \`bifrost rollback ${found.number}\``,
    { project: project.slug, number: found.number, state: found.state },
  );
}

/** Only of this project: a deployment of another one does not exist here. */
async function findTarget(
  ports: Needs,
  project: Project,
  key: number | string,
): Promise<Deployment | null> {
  const number = typeof key === "number" ? key : /^#?(\d{1,9})$/.exec(key)?.[1];
  if (number !== undefined) {
    const before = Number(number) + 1;
    const [newest] = await ports.deployments.listByProject(project.id, { limit: 1, before });
    return newest?.number === before - 1 ? newest : null;
  }
  const id = v.safeParse(deploymentIdSchema, key);
  const found = id.success ? await ports.deployments.read(id.output) : null;
  return found?.value.projectId === project.id ? found.value : null;
}

/** All of a route and of its paths. */
function attachmentsOf({ policies, paths }: Pick<Route, "policies" | "paths">): PolicyAttachment[] {
  return [...policies, ...paths.flatMap((rule) => rule.policies)];
}

/** What a redirect leads to must not be answered by that same redirect, without end. */
function assertLeadsElsewhere({ host, redirect, paths }: Route): void {
  const places = [...paths, { prefix: "/", redirect }]
    .map((place) => ({ redirect: place.redirect, prefix: normalPrefix(place.prefix) }))
    .toSorted((one, other) => other.prefix.length - one.prefix.length);
  for (const { prefix, redirect: own } of places) {
    const to = own === null ? null : pathOnHost(own.to, host);
    const answering = places.find((place) => to !== null && isBelow(to, place.prefix));
    if (own === null || answering?.prefix !== prefix) continue;
    throw new BifrostError(
      "bad-request",
      `${prefix} of ${host} would redirect to itself without end: ${own.to} is answered by the same redirect`,
      { host, prefix, to: own.to },
    );
  }
}

/** The path that a redirect leads to on this very host; null = elsewhere. */
function pathOnHost(to: string, host: string): string | null {
  const url = new URL(to, `http://${host}`);
  return url.hostname === host ? (matchPath(url.pathname) ?? url.pathname) : null;
}
