/** any state → failed: stops the work first, then records why, then looks once more that nothing is left. */
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { type State } from "@bifrost/shared/domain/lifecycle";
import { loadRelease } from "../load-release.ts";
import type { Ports } from "../ports.ts";
import { loadDeployment, makeMove, type TransitionHandler } from "../transition-call.ts";
import { decideFailure, type Traces } from "./decide-failure.ts";

type Needs = Pick<Ports, "deployments" | "projects" | "images" | "cluster" | "log">;

export function createFail(ports: Needs): TransitionHandler {
  return async (call) => {
    const { value: deployment } = await loadDeployment(ports.deployments, call.deploymentId);
    const active = deployment.attempt === call.attempt && deployment.state !== "failed";
    if (active) await stopWork(ports, deployment);
    const { deployment: failed } = await makeMove(ports.deployments, deployment.id, {
      to: "failed",
      by: "fail",
      attempt: call.attempt,
      why: call.reason ?? "platform-error",
      fields: {
        failure: decideFailure({
          state: deployment.state,
          attempt: call.attempt,
          reason: call.reason ?? "platform-error",
          traces: await readTraces(ports, deployment),
        }),
      },
    });
    // A function that was at work meanwhile may have started something after the first stop.
    if (active) await stopWork(ports, failed);
    return { state: failed.state };
  };
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
  const { workload } = await loadRelease(ports, deployment.id);
  await (await ports.cluster()).remove(workload);
}
