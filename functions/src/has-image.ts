import type { Deployment } from "@bifrost/shared/domain/deployment";

/** A retry keeps its image and a rollback brings one: neither starts a build. */
export function hasImage(deployment: Pick<Deployment, "imageDigest" | "source">): boolean {
  return deployment.imageDigest !== null || deployment.source.rollbackOf !== null;
}
