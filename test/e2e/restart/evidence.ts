/** What a deployment caused outside its document: builds in Cloud Build, objects in Kubernetes. */
import { buildTags } from "@bifrost/shared/cloud/cloud-build-image-builder";
import { clientEndpoint } from "@bifrost/shared/cloud/client-endpoint";
import { DEPLOYMENT_LABEL } from "@bifrost/shared/manifest/names";
import { CloudBuildClient } from "@google-cloud/cloudbuild";
import type { PlatformUnderTest } from "../../support/platform.ts";

/** Distances from the base port. */
const CLOUD_BUILD = 13;
const KUBERNETES = 14;

/** States of the builds of one attempt, as Cloud Build lists them. */
export async function buildsOf(
  platform: PlatformUnderTest,
  deploymentId: string,
  attempt: number,
): Promise<readonly string[]> {
  const client = new CloudBuildClient({
    projectId: "bifrost-local",
    ...(await clientEndpoint(`127.0.0.1:${platform.port + CLOUD_BUILD}`)),
  });
  const filter = buildTags(deploymentId, attempt)
    .map((tag) => `tags="${tag}"`)
    .join(" AND ");
  const [builds] = await client.listBuilds({ projectId: "bifrost-local", filter });
  await client.close();
  return builds.map(({ status }) => String(status));
}

export interface Rollout {
  readonly uid: string;
  /** One as long as nobody changed the specification after its creation. */
  readonly generation: number;
}

interface ObjectList {
  readonly items: readonly { readonly metadata: Rollout & { labels?: Record<string, string> } }[];
}

/** The Kubernetes Deployments of one deployment. */
export async function rolloutsOf(
  platform: PlatformUnderTest,
  deploymentId: string,
): Promise<readonly Rollout[]> {
  const response = await fetch(`${platform.address(KUBERNETES)}/apis/apps/v1/deployments`, {
    headers: { authorization: `Bearer ${platform.secret("kubernetesToken")}` },
  });
  const { items } = (await response.json()) as ObjectList;
  return items
    .filter(({ metadata }) => metadata.labels?.[DEPLOYMENT_LABEL] === deploymentId)
    .map(({ metadata: { uid, generation } }) => ({ uid, generation }));
}
