/**
 * any state → failed: stops the work first, then records why, then looks once more that nothing is left. What runs
 * already loses its replicas after the move. A release that failed in its watch window keeps the replicas it has until
 * another release serves: those that pass still answer.
 */
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { State } from "@bifrost/shared/domain/lifecycle";
import { decideRestore, type RestoreDecision, UNDONE } from "../decide-restore.ts";
import { loadRelease } from "../load-release.ts";
import type { Ports } from "../ports.ts";
import { placeOf } from "../publish-site/publish-site.ts";
import { removeSite } from "../publish-site/remove-site.ts";
import { readRestoreCase } from "../read-restore-case.ts";
import { loadDeployment, makeMove, type TransitionHandler } from "../transition-call.ts";
import { decideFailure, type Traces } from "./decide-failure.ts";

type Needs = Pick<
  Ports,
  "deployments" | "projects" | "images" | "cluster" | "objects" | "sites" | "config" | "log"
>;

export function createFail(ports: Needs): TransitionHandler {
  return async (call) => {
    const { value: deployment } = await loadDeployment(ports.deployments, call.deploymentId);
    const reason = call.reason ?? "platform-error";
    const active = deployment.attempt === call.attempt && deployment.state !== "failed";
    if (active) assertMayFail(deployment, reason);
    const undoes = active && deployment.state === "healthy";
    const undoing = undoes ? await undo(ports, deployment) : null;
    const stops = active && !undoes;
    // What verify may be about to call healthy keeps its replicas until this move has won.
    if (stops && deployment.state !== "running") await stopWork(ports, deployment);
    const failure = decideFailure({
      state: deployment.state,
      attempt: call.attempt,
      reason,
      traces: await readTraces(ports, deployment),
      ...(undoing === null ? {} : { successor: undoing.words }),
    });
    const { deployment: failed } = await makeMove(ports.deployments, deployment.id, (current) => {
      if (current.attempt === call.attempt) assertMayFail(current, reason);
      return { to: "failed", by: "fail", attempt: call.attempt, why: reason, fields: { failure } };
    });
    // A function that was at work meanwhile may have started something after the first stop.
    if (stops) await stopWork(ports, failed);
    return { state: failed.state };
  };
}

/** A release that serves is undone for what it does itself, not for trouble of the platform or a late cancellation. */
function assertMayFail({ id, state }: Deployment, reason: string): void {
  if (state !== "healthy" || reason === UNDONE) return;
  const message = `deployment ${id} is healthy; only ${UNDONE} fails it now, not ${reason}`;
  throw new BifrostError("illegal-move", message, { deploymentId: id, from: state, reason });
}

async function undo(ports: Needs, { id }: Deployment): Promise<RestoreDecision> {
  return decideRestore(await readRestoreCase(ports, id));
}

async function readTraces(ports: Needs, { id }: Deployment): Promise<Traces> {
  const [diagnostics, build, observation, chunks] = await Promise.all([
    ports.deployments.readNote(id, "snapshot/diagnostics"),
    ports.deployments.readNote(id, "internal/build"),
    ports.deployments.readNote(id, "internal/observation"),
    ports.deployments.lastLogs(id, "build", 10),
  ]);
  return {
    diagnostics: diagnostics?.value ?? null,
    build: build?.value ?? null,
    observation: observation?.value ?? null,
    buildLines: chunks.flatMap((chunk) => chunk.lines),
  };
}

/** States in which nothing of the deployment can run in the cluster yet. */
const BEFORE_CLUSTER: readonly State[] = ["queued", "validating", "building"];

async function stopWork(ports: Needs, deployment: Deployment): Promise<void> {
  const build = await ports.deployments.readNote(deployment.id, "internal/build");
  const buildId = build?.value["buildId"];
  if (typeof buildId === "string") await (await ports.images()).cancel(buildId);
  if (BEFORE_CLUSTER.includes(deployment.state)) return;
  const snapshot = await ports.deployments.readNote(deployment.id, "snapshot/config");
  if (snapshot === null) return;
  const { workload, snapshot: read } = await loadRelease(ports, deployment.id);
  if (read.config.runtime === "static") return removeSite(ports, placeOf(deployment));
  return (await ports.cluster()).remove(workload);
}
