/** How a deployment ended, and what that means for the project's URL. */
import type { DeploymentDetails, DeploymentView, ProjectView } from "@bifrost/shared/api/schemas";
import { parseDurationMs } from "@bifrost/shared/domain/time";
import type { Client } from "./client.ts";
import type { Output } from "./output.ts";

type Reader = Pick<Client, "project" | "deployment">;

/** The release the URL belongs to; null before the first one. */
export async function readLive(
  client: Reader,
  { liveDeploymentId }: ProjectView,
): Promise<DeploymentDetails | null> {
  return liveDeploymentId === null ? null : client.deployment(liveDeploymentId);
}

/** Null also when it cannot be read: how the deployment ended is known, and told without. */
export async function readLiveAtEnd(
  client: Reader,
  { projectId }: DeploymentView,
): Promise<DeploymentDetails | null> {
  try {
    return await readLive(client, await client.project(projectId));
  } catch {
    return null;
  }
}

/** One that failed stays the live one until a newer one is healthy. */
export function liveWords(live: DeploymentView | null): string {
  if (live === null) return "nothing yet";
  const failed =
    live.failure === null ? "" : ` (failed: ${live.failure.message.replace(/\.$/, "")})`;
  return `deployment ${live.number}${failed}`;
}

export function printFailure(output: Output, deployment: DeploymentView): void {
  const { number, failure } = deployment;
  if (failure === null) return;
  output.line();
  output.line(
    output.paint.red(`Deployment ${number} failed while ${failure.state}: ${failure.message}`),
  );
  for (const line of failure.details) output.line(`  ${line}`);
  output.line();
  output.line(failure.hint);
}

export function printHealthy(
  output: Output,
  { id, number, url }: DeploymentView,
  live: DeploymentDetails | null,
): void {
  output.line();
  const healthy = output.paint.bold(`Deployment ${number} is healthy.`);
  if (live !== null && live.id !== id) {
    const verb = live.failure === null ? "serves" : "stays with";
    output.line(`${healthy}  It is not live: ${url ?? "the URL"} ${verb} ${liveWords(live)}.`);
    output.line(`Only a higher number takes over; to make it live: bifrost rollback ${number}`);
    return;
  }
  output.line(`${healthy}  ${url ?? ""}`);
  if (live?.state !== "healthy" || (parseDurationMs(live.watch ?? "") ?? 0) === 0) return;
  output.line(
    `It is watched for ${live.watch}. If it fails meanwhile, this says why and what serves then: bifrost status ${number}`,
  );
}
