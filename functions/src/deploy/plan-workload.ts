/** The objects of an app in the cluster. */
import type { WorkloadConfig } from "@bifrost/shared/app-config/app-config";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { providerToken } from "@bifrost/shared/domain/provider-token";
import { telemetryToken } from "@bifrost/shared/domain/telemetry-token";
import { assertManifests } from "@bifrost/shared/manifest/check-manifest";
import { renderManifests } from "@bifrost/shared/manifest/manifests";
import { manifestsHash } from "@bifrost/shared/manifest/manifests-hash";
import type { Release } from "../load-release.ts";
import type { Ports } from "../ports.ts";
import type { DeployPlan } from "./deploy-plan.ts";

export async function planWorkload(
  ports: Pick<Ports, "cluster" | "config" | "typeMaps">,
  { deployment, project, snapshot, workload }: Release,
  config: WorkloadConfig,
): Promise<DeployPlan> {
  const { id, projectId, number, commit, imageDigest } = deployment.value;
  if (imageDigest === null) throw new BifrostError("not-ready", "the deployment has no image yet");
  const objects = renderManifests({
    config,
    deploymentId: id,
    projectId,
    projectSlug: project.value.slug,
    number,
    commitSha: commit.sha,
    imageReference: `${ports.config.registry}/${projectId}@${imageDigest}`,
    telemetryToken: telemetryToken(ports.config.telemetrySecret, id),
    providerToken: providerToken(ports.config.telemetrySecret, projectId),
    platform: snapshot.settings,
  });
  assertManifests(objects, await ports.typeMaps());
  return {
    hash: manifestsHash(objects),
    putUp: async () => (await ports.cluster()).apply(objects),
    takeDown: async () => (await ports.cluster()).remove(workload),
  };
}
