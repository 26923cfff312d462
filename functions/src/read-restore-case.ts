/** Everything a decision about a failed release's successor is made of. */
import type { Deployment } from "@bifrost/shared/domain/deployment";
import type { Project } from "@bifrost/shared/domain/project";
import type { Versioned } from "@bifrost/shared/ports/deployment-store";
import type { RestoreCase } from "./decide-restore.ts";
import { loadRelease } from "./load-release.ts";
import type { Ports } from "./ports.ts";
import { deploymentIdOf } from "./create-deployment.ts";

/** How far back a release to deploy again is looked for. */
const RECENT = 100;

export interface ReadRestoreCase extends RestoreCase {
  /** As it was before the deployments were listed: a deployment created since has changed it. */
  readonly project: Versioned<Project>;
  /** Id of the deployment in its place, made from what failed: however often it is created, there is one. */
  readonly restoreId: Deployment["id"];
}

export async function readRestoreCase(
  ports: Pick<Ports, "deployments" | "projects">,
  id: Deployment["id"],
): Promise<ReadRestoreCase> {
  const { deployment, project, snapshot } = await loadRelease(ports, id);
  const { attempt, projectId } = deployment.value;
  const restoreId = deploymentIdOf(`restore:${id}:${attempt}`);
  const [restored, recent] = await Promise.all([
    ports.deployments.read(restoreId),
    ports.deployments.listByProject(projectId, { limit: RECENT }),
  ]);
  return {
    failed: deployment.value,
    mayRollBack: snapshot.config.health.rollback,
    watchMs: snapshot.config.health.watch.ms,
    liveDeploymentId: project.value.liveDeploymentId,
    restored: restored?.value ?? null,
    recent,
    project,
    restoreId,
  };
}
