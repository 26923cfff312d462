/** Creates a deployment at `queued`; two creators that meet on one project take their numbers one after the other. */
import { createHash } from "node:crypto";
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { BifrostError, isBifrostError } from "@bifrost/shared/domain/errors";
import { type DeploymentId, newDeploymentId, type ProjectId } from "@bifrost/shared/domain/ids";
import type { Creator } from "@bifrost/shared/domain/lifecycle";
import type { Project } from "@bifrost/shared/domain/project";
import type { NewDeployment } from "@bifrost/shared/ports/deployment-store";
import type { Ports } from "./ports.ts";

export interface CreateRequest {
  readonly projectId: ProjectId;
  readonly by: Creator;
  readonly fields: NewDeployment;
  /** The same key creates the same deployment once; absent = always a new one. */
  readonly key?: string;
}

export interface Created {
  readonly deployment: Deployment;
  readonly project: Project;
}

/** Fifty pushes to one project at once still all get a number. */
const CONFLICT_RETRIES = 60;

export async function createDeployment(
  ports: Pick<Ports, "deployments" | "projects" | "random">,
  request: CreateRequest,
): Promise<Created> {
  const id =
    request.key === undefined ? newDeploymentId(ports.random) : deploymentIdOf(request.key);
  for (let tries = 1; ; tries++) {
    const project = await ports.projects.read(request.projectId);
    if (project === null) {
      throw new BifrostError("not-found", `there is no project ${request.projectId}`, {
        projectId: request.projectId,
      });
    }
    try {
      const deployment = await ports.deployments.create(id, request.fields, project, request.by);
      return { deployment, project: project.value };
    } catch (error) {
      if (isBifrostError(error, "already-exists")) {
        const existing = await ports.deployments.read(id);
        if (existing !== null) return { deployment: existing.value, project: project.value };
      }
      if (!isBifrostError(error, "write-conflict") || tries >= CONFLICT_RETRIES) throw error;
    }
  }
}

/** The id as a function of the key: its digest in place of random bytes. */
export function deploymentIdOf(key: string): DeploymentId {
  return newDeploymentId((length) => createHash("sha256").update(key).digest().subarray(0, length));
}
