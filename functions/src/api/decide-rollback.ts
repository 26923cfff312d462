/** Which release a rollback goes back to. Pure. */
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Project } from "@bifrost/shared/domain/project";

/**
 * `to` is a number or an id; without it, the newest release before the live one,
 * and rather one that serves another image or config.
 * `recent` is newest first. Throws `not-found` or `no-image`.
 */
export function decideRollback(
  project: Pick<Project, "liveDeploymentId" | "slug">,
  recent: readonly Deployment[],
  to: number | string | undefined,
): Deployment {
  const target = to === undefined ? previousRelease(project, recent) : named(recent, to);
  if (target === undefined) {
    const what = to === undefined ? "an earlier release" : `a deployment ${to}`;
    throw new BifrostError(
      "not-found",
      `${project.slug} has no ${what.replace(/^an? /, "")} to go back to`,
      {
        project: project.slug,
      },
    );
  }
  if (target.imageDigest === null || target.configHash === null) {
    throw new BifrostError(
      "no-image",
      `deployment ${target.number} was never built; choose one that was healthy`,
      {
        number: target.number,
      },
    );
  }
  return target;
}

function named(recent: readonly Deployment[], to: number | string): Deployment | undefined {
  return recent.find((one) => one.number === Number(to) || one.id === to);
}

function previousRelease(
  project: Pick<Project, "liveDeploymentId">,
  recent: readonly Deployment[],
): Deployment | undefined {
  const live = recent.find((one) => one.id === project.liveDeploymentId);
  if (live === undefined) return recent.find((one) => one.state === "healthy");
  const same = (one: Deployment) =>
    one.imageDigest === live.imageDigest && one.configHash === live.configHash;
  const earlier = recent.filter((one) => one.number < live.number && one.state === "healthy");
  return earlier.find((one) => !same(one)) ?? earlier[0];
}
