/** Every minute and at start-up: nothing stays in a passing state for ever, and nothing runs that has no purpose. */
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { deploymentIdSchema } from "@bifrost/shared/domain/ids";
import { ALL_STATES, isResting } from "@bifrost/shared/domain/lifecycle";
import type { Workload } from "@bifrost/shared/ports/cluster";
import * as v from "valibot";
import type { Ports } from "../ports.ts";
import { updateNote } from "../transition-call.ts";
import { decideReap, isRetirable } from "./decide-reap.ts";

type Needs = Pick<Ports, "deployments" | "projects" | "workflows" | "cluster" | "clock" | "log">;

const PASSING_STATES = ALL_STATES.filter((state) => !isResting(state));
const BATCH = 300;

export function createReap(ports: Needs) {
  return async () => {
    const open = await ports.deployments.listInStates(PASSING_STATES, BATCH);
    let restarted = 0;
    let expired = 0;
    for (const deployment of open) {
      const done = await tend(ports, deployment).catch((error: unknown) => {
        ports.log.error("deployment not tended", { deploymentId: deployment.id, error });
        return "left" as const;
      });
      if (done === "restarted") restarted++;
      if (done === "expired") expired++;
    }
    const retired = await retire(ports);
    return { open: open.length, restarted, expired, retired };
  };
}

async function tend(
  ports: Needs,
  deployment: Deployment,
): Promise<"left" | "restarted" | "expired"> {
  const claim = await ports.deployments.readNote(deployment.id, "internal/execution");
  const workflows = await ports.workflows();
  const { id: deploymentId, attempt } = deployment;
  const decision = decideReap(deployment, claim?.value ?? null, ports.clock.now());
  if (decision === "leave") return "left";
  if (decision === "expire") {
    await workflows.start("cancel", { deploymentId, attempt, reason: "deadline-exceeded" });
    return "expired";
  }
  if (decision === "check-execution") {
    if (await workflows.isRunning("deployment", String(claim?.value["execution"]))) return "left";
    await updateNote(ports.deployments, deploymentId, "internal/execution", (note) => ({
      ...note,
      released: true,
    }));
  }
  await workflows.start("deployment", { deploymentId, attempt });
  ports.log.info("deployment taken up again", { deploymentId, attempt, state: deployment.state });
  return "restarted";
}

async function retire(ports: Needs): Promise<number> {
  const cluster = await ports.cluster();
  let retired = 0;
  for (const workload of await cluster.workloads()) {
    const deployment = await readDeployment(ports, workload);
    if (!(await hasNoPurpose(ports, deployment))) continue;
    await cluster.remove(workload);
    if (deployment !== null)
      await ports.deployments.annotate(deployment.id, { retiredAt: new Date(ports.clock.now()) });
    retired++;
  }
  return retired;
}

async function readDeployment(ports: Needs, workload: Workload): Promise<Deployment | null> {
  const id = v.safeParse(deploymentIdSchema, workload.deploymentId);
  return id.success ? ((await ports.deployments.read(id.output))?.value ?? null) : null;
}

async function hasNoPurpose(ports: Needs, deployment: Deployment | null): Promise<boolean> {
  if (deployment === null) return true;
  const project = await ports.projects.read(deployment.projectId);
  const liveId = project?.value.liveDeploymentId ?? null;
  const live = liveId === null ? null : await ports.deployments.read(liveId);
  const since = live?.value.stateSince.getTime() ?? null;
  return isRetirable(deployment, project?.value ?? null, since, ports.clock.now());
}
