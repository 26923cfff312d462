import {
  createDeploymentBody,
  type DeploymentDetails,
  rollbackBody,
} from "@bifrost/shared/api/schemas";
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { BifrostError, isBifrostError } from "@bifrost/shared/domain/errors";
import { edge, type State } from "@bifrost/shared/domain/lifecycle";
import { IllegalMove } from "@bifrost/shared/domain/transition";
import { Hono } from "hono";
import { createDeployment } from "../create-deployment.ts";
import type { Ports } from "../ports.ts";
import { readSnapshot } from "../release-manifests.ts";
import { readJson } from "../read-body.ts";
import { type ApiVariables, requireScope } from "./authenticate.ts";
import { decideRollback } from "./decide-rollback.ts";
import { findDeployment, findProject } from "./find.ts";
import { streamDeployment } from "./stream.ts";
import { toDeploymentView, toLogView, toTransitionView } from "./views.ts";

type Needs = Pick<
  Ports,
  | "projects"
  | "deployments"
  | "workflows"
  | "sourceHost"
  | "feed"
  | "config"
  | "random"
  | "clock"
  | "log"
  | "timers"
>;

const MAX_PAGE = 100;
const FAILED = edge("failed", "queued").from;

/** Mounted at `/projects/:project`. */
export function projectDeploymentRoutes(ports: Needs) {
  const app = new Hono<{ Variables: ApiVariables }>();

  app.get("/deployments", async (context) => {
    const { value: project } = await findProject(
      ports,
      context.get("person"),
      context.req.param("project") ?? "",
    );
    const limit = Math.min(positive(context.req.query("limit")) ?? 20, MAX_PAGE);
    const before = positive(context.req.query("cursor"));
    const commit = context.req.query("commit");
    const items = await ports.deployments.listByProject(project.id, {
      limit,
      ...(before === undefined ? {} : { before }),
      ...(commit === undefined ? {} : { commit }),
    });
    const last = items.length === limit ? items.at(-1) : undefined;
    return context.json({
      items: items.map(toDeploymentView),
      nextCursor: last === undefined ? null : String(last.number),
    });
  });

  app.post("/deployments", async (context) => {
    const person = context.get("person");
    requireScope(person, "deploy");
    const { value: project } = await findProject(ports, person, context.req.param("project") ?? "");
    const { ref = project.defaultBranch } = await readJson(context.req.raw, createDeploymentBody);
    const source = await ports.sourceHost();
    const commit = await source.resolve(project.repository, ref);
    if (commit === null) {
      throw new BifrostError(
        "not-found",
        `${project.repository} has no commit ${ref}; push it first`,
        { ref },
      );
    }
    const { deployment } = await createDeployment(ports, {
      projectId: project.id,
      by: "api",
      fields: {
        commit,
        branch: ref === commit.sha ? project.defaultBranch : ref,
        trigger: "api",
        source: { kind: "commit", rollbackOf: null },
        createdBy: person.uid,
      },
    });
    return accepted(deployment);
  });

  addRollbacks(app, ports);
  return app;
}

function addRollbacks(app: Hono<{ Variables: ApiVariables }>, ports: Needs): void {
  app.post("/rollbacks", async (context) => {
    const person = context.get("person");
    requireScope(person, "deploy");
    const { value: project } = await findProject(ports, person, context.req.param("project") ?? "");
    const { to } = await readJson(context.req.raw, rollbackBody);
    const recent = await ports.deployments.listByProject(project.id, { limit: MAX_PAGE });
    const target = decideRollback(project, recent, to);
    const { deployment } = await createDeployment(ports, {
      projectId: project.id,
      by: "api",
      fields: {
        commit: target.commit,
        branch: target.branch,
        trigger: "rollback",
        source: { kind: "rollback", rollbackOf: target.id },
        createdBy: person.uid,
      },
    });
    return accepted(deployment);
  });
}

/** Mounted at `/deployments`. */
export function deploymentRoutes(ports: Needs) {
  const app = new Hono<{ Variables: ApiVariables }>();

  app.get("/:id", async (context) => {
    const deployment = await findDeployment(ports, context.get("person"), context.req.param("id"));
    const watch = await readWatch(ports, deployment);
    return context.json({ ...toDeploymentView(deployment), watch } satisfies DeploymentDetails);
  });

  app.get("/:id/transitions", async (context) => {
    const { id } = await findDeployment(ports, context.get("person"), context.req.param("id"));
    const transitions = await ports.deployments.transitions(id);
    return context.json({ items: transitions.map(toTransitionView), nextCursor: null });
  });

  app.get("/:id/logs", async (context) => {
    const { id } = await findDeployment(ports, context.get("person"), context.req.param("id"));
    const stream = context.req.query("stream") === "runtime" ? "runtime" : "build";
    const limit = Math.min(positive(context.req.query("limit")) ?? MAX_PAGE, 1_000);
    const chunks = await ports.deployments.lastLogs(id, stream, limit);
    return context.json({ items: chunks.map(toLogView), nextCursor: null });
  });

  app.get("/:id/stream", async (context) => {
    const { id } = await findDeployment(ports, context.get("person"), context.req.param("id"));
    return streamDeployment(ports, id, context.req.raw.signal);
  });

  for (const [action, to] of [
    ["cancel", "failed"],
    ["retry", "queued"],
  ] as const) {
    app.post(`/:id/${action}`, async (context) => {
      const person = context.get("person");
      requireScope(person, "deploy");
      const deployment = await findDeployment(ports, person, context.req.param("id"));
      assertPossible(deployment, to);
      const workflows = await ports.workflows();
      const args = { deploymentId: deployment.id, attempt: deployment.attempt };
      await workflows.start(action, action === "cancel" ? { ...args, reason: "cancelled" } : args);
      return accepted(deployment);
    });
  }
  return app;
}

/** Null as well where the snapshot is not readable: what became of such a deployment still is. */
async function readWatch(ports: Needs, { id }: Deployment): Promise<string | null> {
  const note = await ports.deployments.readNote(id, "snapshot/config");
  try {
    return note === null ? null : readSnapshot(note.value).config.health.watch.text;
  } catch (error) {
    if (isBifrostError(error, "data-corrupt")) return null;
    throw error;
  }
}

/** Answers at once what the workflow would only find out later: what is over cannot be cancelled, what goes on not retried. */
function assertPossible(deployment: Deployment, to: State): void {
  const { id, number, state } = deployment;
  if (state === "healthy" && to === FAILED) {
    throw new BifrostError(
      "illegal-move",
      `deployment ${number} is healthy, and only one on its way there can be cancelled; to go back to the release before it: \`bifrost rollback\``,
      { deploymentId: id, from: state, to, allowed: [] },
    );
  }
  if ((to === "queued") !== (state === FAILED)) throw new IllegalMove(id, state, to);
}

function accepted(deployment: Deployment): Response {
  return Response.json(toDeploymentView(deployment), {
    status: 202,
    headers: { location: `/api/v1/deployments/${deployment.id}` },
  });
}

function positive(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9]\d{0,8}$/.test(text) ? Number(text) : undefined;
}
