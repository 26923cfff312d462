/** Looks things up on behalf of a person: what they may not see does not exist for them. */
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { deploymentIdSchema, projectIdSchema } from "@bifrost/shared/domain/ids";
import type { Project } from "@bifrost/shared/domain/project";
import type { Versioned } from "@bifrost/shared/ports/deployment-store";
import type { Person } from "@bifrost/shared/ports/team-directory";
import * as v from "valibot";
import type { Ports } from "../ports.ts";

type Stores = Pick<Ports, "projects" | "deployments">;

/** By id or slug. */
export async function findProject(
  ports: Stores,
  person: Person,
  key: string,
): Promise<Versioned<Project>> {
  const bySlug = await ports.projects.findBySlug(key);
  const id = v.safeParse(projectIdSchema, key);
  const found = bySlug ?? (id.success ? await ports.projects.read(id.output) : null);
  if (found !== null && person.teamIds.includes(found.value.teamId)) return found;
  throw new BifrostError(
    "not-found",
    `there is no project ${key}; \`bifrost projects list\` shows yours`,
    {
      project: key,
    },
  );
}

export async function findDeployment(
  ports: Stores,
  person: Person,
  key: string,
): Promise<Deployment> {
  const id = v.safeParse(deploymentIdSchema, key);
  const found = id.success ? await ports.deployments.read(id.output) : null;
  if (found !== null && person.teamIds.includes(found.value.teamId)) return found.value;
  throw new BifrostError(
    "not-found",
    `there is no deployment ${key}; \`bifrost deployments\` shows yours`,
    {
      deployment: key,
    },
  );
}
