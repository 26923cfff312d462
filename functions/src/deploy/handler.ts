/** built → deploying; then applies the manifests. A repeated call applies the same objects again: no change. */
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { edge } from "@bifrost/shared/domain/lifecycle";
import { telemetryToken } from "@bifrost/shared/domain/telemetry-token";
import { assertManifests } from "@bifrost/shared/manifest/check-manifest";
import { renderManifests } from "@bifrost/shared/manifest/manifests";
import { manifestsHash } from "@bifrost/shared/manifest/manifests-hash";
import type { Cluster } from "@bifrost/shared/ports/cluster";
import { loadRelease, type Release } from "../load-release.ts";
import type { Ports } from "../ports.ts";
import { makeMove, type TransitionHandler } from "../transition-call.ts";

const MOVE = edge("built", "deploying");

type Needs = Pick<Ports, "deployments" | "projects" | "cluster" | "config" | "typeMaps">;

export function createDeploy(ports: Needs): TransitionHandler {
  return async (call) => {
    const release = await loadRelease(ports, call.deploymentId);
    const objects = render(ports, release);
    assertManifests(objects, await ports.typeMaps());
    const { slug } = release.project.value;
    const { deployment } = await makeMove(ports.deployments, call.deploymentId, {
      to: MOVE.to,
      by: "deploy",
      attempt: call.attempt,
      fields: {
        manifestsHash: manifestsHash(objects),
        url: `${ports.config.scheme}://${slug}.${ports.config.domain}`,
      },
    });
    if (deployment.state === MOVE.to)
      await apply(ports, await ports.cluster(), objects, release, deployment);
    return { state: deployment.state };
  };
}

function render(ports: Needs, { deployment, project, snapshot }: Release) {
  const { id, projectId, number, commit, imageDigest } = deployment.value;
  if (imageDigest === null) throw new BifrostError("not-ready", "the deployment has no image yet");
  return renderManifests({
    config: snapshot.config,
    deploymentId: id,
    projectId,
    projectSlug: project.value.slug,
    number,
    commitSha: commit.sha,
    imageReference: `${ports.config.registry}/${projectId}@${imageDigest}`,
    telemetryToken: telemetryToken(ports.config.telemetrySecret, id),
    platform: snapshot.settings,
  });
}

async function apply(
  ports: Needs,
  cluster: Cluster,
  objects: Parameters<Cluster["apply"]>[0],
  { workload }: Release,
  deployment: Deployment,
): Promise<void> {
  await cluster.apply(objects);
  const after = await ports.deployments.read(deployment.id);
  // Cancelled while the objects were on their way: whoever failed it may have cleaned up before they arrived.
  if (after?.value.state === "failed") await cluster.remove(workload);
}
