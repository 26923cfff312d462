/** Documents as the API shows them. */
import type {
  DeploymentView,
  LogView,
  ProjectView,
  TransitionView,
} from "@bifrost/shared/api/schemas";
import type { Deployment, Transition } from "@bifrost/shared/domain/deployment";
import type { Project } from "@bifrost/shared/domain/project";
import type { LogChunk } from "@bifrost/shared/ports/deployment-store";

export function toProjectView(
  project: Project,
  base: { scheme: string; domain: string },
): ProjectView {
  const { id, name, slug, repository, defaultBranch, liveDeploymentId, liveNumber, createdAt } =
    project;
  return {
    id,
    name,
    slug,
    repository,
    defaultBranch,
    url: `${base.scheme}://${slug}.${base.domain}`,
    liveDeploymentId,
    liveNumber,
    createdAt: createdAt.toISOString(),
  };
}

export function toDeploymentView(deployment: Deployment): DeploymentView {
  const {
    id,
    projectId,
    number,
    commit,
    branch,
    trigger,
    state,
    attempt,
    imageDigest,
    configHash,
    url,
    failure,
  } = deployment;
  return {
    id,
    projectId,
    number,
    commit,
    branch,
    trigger,
    rollbackOf: deployment.source.rollbackOf,
    state,
    attempt,
    stateSince: deployment.stateSince.toISOString(),
    createdAt: deployment.createdAt.toISOString(),
    imageDigest,
    configHash,
    url,
    failure,
    retiredAt: deployment.retiredAt?.toISOString() ?? null,
  };
}

export function toTransitionView({
  seq,
  from,
  to,
  by,
  at,
  attempt,
  why,
}: Transition): TransitionView {
  return { seq, from, to, by, at: at.toISOString(), attempt, why };
}

export function toLogView({ id, stream, step, lines, at }: LogChunk): LogView {
  return { id, stream, step, lines: [...lines], at: at.toISOString() };
}
