/** The outbox: a stored transition becomes an event, and what must follow from it is set going. At least once. */
import type { Deployment, Transition } from "@bifrost/shared/domain/deployment";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { deploymentIdSchema } from "@bifrost/shared/domain/ids";
import { edge } from "@bifrost/shared/domain/lifecycle";
import type { CommitStatus } from "@bifrost/shared/ports/source-host";
import * as v from "valibot";
import { requireCaller, type CallerCheck } from "../caller.ts";
import { hasImage } from "../has-image.ts";
import type { Ports } from "../ports.ts";
import { json, type Service } from "../service.ts";
import { loadDeployment } from "../transition-call.ts";
import { decideSuperseded } from "./decide-superseded.ts";

type Needs = Pick<
  Ports,
  "deployments" | "projects" | "events" | "workflows" | "sourceHost" | "config" | "log"
>;

const DOCUMENT = /^deployments\/([a-z0-9]+)\/transitions\/(\d{6,})$/;
const BUILDING = edge("validating", "building").to;
const QUEUED = edge("failed", "queued").to;
const HEALTHY = edge("running", "healthy").to;

/** Receives Eventarc's CloudEvents; only the document's name is taken from them, its content is read. */
export function publishEventsService(ports: Needs, callers: CallerCheck): Service {
  return async (request) => {
    await requireCaller(request, callers);
    await request.body?.cancel();
    const match = DOCUMENT.exec(request.headers.get("ce-document") ?? "");
    const id = v.safeParse(deploymentIdSchema, match?.[1]);
    if (match === null || !id.success) {
      throw new BifrostError("bad-request", "the event names no transition document");
    }
    const seq = Number(match[2]);
    const { value: deployment } = await loadDeployment(ports.deployments, id.output);
    const transitions = await ports.deployments.transitions(id.output);
    const transition = transitions.find((one) => one.seq === seq);
    if (transition === undefined)
      throw new BifrostError("not-found", `transition ${seq} is not stored`);
    await publish(ports, deployment, transition);
    await follow(ports, deployment, transition);
    return json({ published: seq });
  };
}

async function publish(
  ports: Needs,
  deployment: Deployment,
  transition: Transition,
): Promise<void> {
  const events = await ports.events();
  const { from, to, by, at, attempt, seq, why } = transition;
  const event = {
    deploymentId: deployment.id,
    projectId: deployment.projectId,
    from,
    to,
    by,
    at,
    attempt,
    seq,
    why,
  };
  await events.publish("deploy-events", event, { deploymentId: deployment.id, to });
  if (to === BUILDING && !hasImage(deployment)) {
    await events.publish("build-requests", { deploymentId: deployment.id, attempt });
  }
}

async function follow(ports: Needs, deployment: Deployment, transition: Transition): Promise<void> {
  const current = transition.attempt === deployment.attempt;
  if (transition.to === QUEUED && current) {
    const workflows = await ports.workflows();
    await workflows.start("deployment", {
      deploymentId: deployment.id,
      attempt: transition.attempt,
    });
    await supersedeOlder(ports, deployment);
  }
  await reportStatus(ports, deployment, transition);
}

async function supersedeOlder(ports: Needs, newer: Deployment): Promise<void> {
  const recent = await ports.deployments.listByProject(newer.projectId, {
    limit: 20,
    before: newer.number,
  });
  const workflows = await ports.workflows();
  for (const older of decideSuperseded(newer, recent)) {
    const args = { deploymentId: older.id, attempt: older.attempt, reason: "superseded" };
    await workflows.start("cancel", args);
  }
}

/** The commit's status on the source host: told for the start and the end; losing one harms nobody. */
async function reportStatus(
  ports: Needs,
  deployment: Deployment,
  transition: Transition,
): Promise<void> {
  const status = commitStatus(deployment, transition);
  if (status === null) return;
  try {
    const project = await ports.projects.read(deployment.projectId);
    if (project === null) return;
    const source = await ports.sourceHost();
    await source.setStatus(project.value.repository, deployment.commit.sha, status);
  } catch (error) {
    ports.log.warn("commit status not set", { deploymentId: deployment.id, error });
  }
}

function commitStatus(deployment: Deployment, transition: Transition): CommitStatus | null {
  const label = `Deployment ${deployment.number}`;
  if (transition.to === QUEUED) return { state: "pending", description: `${label} is queued` };
  if (transition.to === "failed") {
    return {
      state: "failure",
      description: `${label} failed: ${deployment.failure?.message ?? transition.why ?? ""}`,
    };
  }
  if (transition.to !== HEALTHY) return null;
  return {
    state: "success",
    description: `${label} is healthy`,
    ...(deployment.url === null ? {} : { targetUrl: deployment.url }),
  };
}
