/**
 * built → deploying; then puts the release where it runs: an app's manifests into the cluster, a site's files into the
 * bucket. A repeated call does the same again, which changes nothing.
 */
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { edge } from "@bifrost/shared/domain/lifecycle";
import { loadRelease } from "../load-release.ts";
import type { Ports } from "../ports.ts";
import { makeMove, type TransitionHandler } from "../transition-call.ts";
import type { DeployPlan } from "./deploy-plan.ts";
import { planSite } from "./plan-site.ts";
import { planWorkload } from "./plan-workload.ts";

const MOVE = edge("built", "deploying");

type Needs = Pick<
  Ports,
  | "deployments"
  | "projects"
  | "cluster"
  | "config"
  | "typeMaps"
  | "objects"
  | "sites"
  | "imageFiles"
  | "log"
>;

export function createDeploy(ports: Needs): TransitionHandler {
  return async (call) => {
    const release = await loadRelease(ports, call.deploymentId);
    const { config } = release.snapshot;
    const plan =
      config.runtime === "static"
        ? planSite(ports, release.deployment.value, config)
        : await planWorkload(ports, release, config);
    const { slug } = release.project.value;
    const { deployment } = await makeMove(ports.deployments, call.deploymentId, {
      to: MOVE.to,
      by: "deploy",
      attempt: call.attempt,
      fields: {
        manifestsHash: plan.hash,
        url: `${ports.config.scheme}://${slug}.${ports.config.domain}`,
      },
    });
    if (deployment.state === MOVE.to) await carryOut(ports, deployment.id, plan);
    return { state: deployment.state };
  };
}

async function carryOut(
  ports: Needs,
  id: Deployment["id"],
  { putUp, takeDown }: DeployPlan,
): Promise<void> {
  const hasFailed = async () => (await ports.deployments.read(id))?.value.state === "failed";
  try {
    await putUp();
  } catch (error) {
    // Whoever failed it may have cleaned up in the middle of this.
    if (!(await hasFailed())) throw error;
  }
  // Cancelled meanwhile: what was cleaned up then may not have been all.
  if (await hasFailed()) await takeDown();
}
