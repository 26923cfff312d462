import { createProjectBody } from "@bifrost/shared/api/schemas";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { projectHost } from "@bifrost/shared/domain/hosts";
import {
  deploymentIdSchema,
  newProjectId,
  repositorySchema,
  type Slug,
  slugFrom,
} from "@bifrost/shared/domain/ids";
import { ALL_STATES, isResting } from "@bifrost/shared/domain/lifecycle";
import type { Project } from "@bifrost/shared/domain/project";
import type { Person } from "@bifrost/shared/ports/team-directory";
import { Hono } from "hono";
import * as v from "valibot";
import type { Ports } from "../ports.ts";
import { readJson } from "../read-body.ts";
import { type ApiVariables, requireScope } from "./authenticate.ts";
import { findProject } from "./find.ts";
import { toProjectView } from "./views.ts";

type Needs = Pick<Ports, "projects" | "deployments" | "workflows" | "config" | "random" | "clock">;

export function projectRoutes(ports: Needs) {
  const app = new Hono<{ Variables: ApiVariables }>();

  app.get("/", async (context) => {
    const projects = await ports.projects.list(context.get("person").teamIds);
    return context.json({
      items: projects.map((project) => toProjectView(project, ports.config)),
      nextCursor: null,
    });
  });

  app.post("/", async (context) => {
    const person = context.get("person");
    requireScope(person, "deploy");
    const project = decideProject(
      await readJson(context.req.raw, createProjectBody),
      person,
      ports,
    );
    await assertNotADeployment(ports, project.slug);
    await ports.projects.create(project, projectHost(project.slug, ports.config.domain));
    return context.json(toProjectView(project, ports.config), 201);
  });

  app.get("/:project", async (context) => {
    const { value } = await findProject(ports, context.get("person"), context.req.param("project"));
    return context.json(toProjectView(value, ports.config));
  });

  app.delete("/:project", async (context) => {
    const person = context.get("person");
    requireScope(person, "deploy");
    const project = await findProject(ports, person, context.req.param("project"));
    await cancelOpen(ports, project.value);
    await ports.projects.delete(project);
    return context.json({ deleted: project.value.id });
  });

  return app;
}

function decideProject(
  body: v.InferOutput<typeof createProjectBody>,
  person: Person,
  ports: Needs,
): Project {
  const [teamId] = person.teamIds;
  if (teamId === undefined)
    throw new BifrostError("permission-denied", "you belong to no team; ask to be added to one");
  const now = new Date(ports.clock.now());
  return {
    id: newProjectId(ports.random),
    name: body.name,
    slug: slugOrThrow(body.slug ?? body.name),
    repository: repositoryOrThrow(body.repository),
    defaultBranch: body.defaultBranch,
    teamId,
    settings: {},
    liveDeploymentId: null,
    formerDeploymentId: null,
    liveNumber: 0,
    newestDeploymentId: null,
    nextNumber: 1,
    createdAt: now,
    updatedAt: now,
  };
}

/** Each deployment has the host of its id, which a project of that name would take over. */
async function assertNotADeployment(ports: Needs, slug: string): Promise<void> {
  const id = v.safeParse(deploymentIdSchema, slug);
  if (!id.success || (await ports.deployments.read(id.output)) === null) return;
  throw new BifrostError("already-exists", `${slug} is the name of a deployment; choose another`, {
    slug,
  });
}

function slugOrThrow(text: string): Slug {
  const slug = slugFrom(text);
  if (slug !== undefined) return slug;
  throw new BifrostError(
    "bad-request",
    `${JSON.stringify(text)} gives no usable slug; use letters, digits and -`,
  );
}

function repositoryOrThrow(text: string): Project["repository"] {
  const parsed = v.safeParse(repositorySchema, text);
  if (parsed.success) return parsed.output;
  throw new BifrostError(
    "bad-request",
    `repository: ${parsed.issues[0].message}, found ${JSON.stringify(text)}`,
  );
}

const OPEN = ALL_STATES.filter((state) => !isResting(state));

async function cancelOpen(ports: Needs, project: Project): Promise<void> {
  const workflows = await ports.workflows();
  const recent = await ports.deployments.listByProject(project.id, { limit: 100 });
  for (const { id: deploymentId, attempt, state } of recent) {
    if (!OPEN.includes(state)) continue;
    await workflows.start("cancel", { deploymentId, attempt, reason: "cancelled" });
  }
}
