/** A deployment together with its project and snapshot: what every function from `deploy` on works with. */
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Project } from "@bifrost/shared/domain/project";
import type { Workload } from "@bifrost/shared/ports/cluster";
import type { Versioned } from "@bifrost/shared/ports/deployment-store";
import type { Ports } from "./ports.ts";
import { readSnapshot, type Snapshot, workloadOf } from "./release-manifests.ts";
import { loadDeployment } from "./transition-call.ts";

export interface Release {
  readonly deployment: Versioned<Deployment>;
  readonly project: Versioned<Project>;
  readonly snapshot: Snapshot;
  readonly workload: Workload;
}

export async function loadRelease(
  ports: Pick<Ports, "deployments" | "projects">,
  id: Deployment["id"],
): Promise<Release> {
  const deployment = await loadDeployment(ports.deployments, id);
  const [project, note] = await Promise.all([
    ports.projects.read(deployment.value.projectId),
    ports.deployments.readNote(id, "snapshot/config"),
  ]);
  if (project === null) {
    throw new BifrostError("not-found", `project ${deployment.value.projectId} was deleted`, {
      projectId: deployment.value.projectId,
    });
  }
  const snapshot = readSnapshot(note?.value);
  const workload = workloadOf(deployment.value, project.value, snapshot.settings);
  return { deployment, project, snapshot, workload };
}
