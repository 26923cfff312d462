/** Starts Cloud Workflows executions and wakes the ones that wait. */
import { BifrostError } from "../domain/errors.ts";
import type { Identity } from "../ports/identity.ts";
import type { WorkflowName, WorkflowRunner } from "../ports/workflow-runner.ts";
import type { MetadataIdentity } from "./metadata-identity.ts";
import { clientEndpoint } from "./client-endpoint.ts";

export interface WorkflowsOptions {
  readonly projectId: string;
  readonly region: string;
  /** `host:port` of another server than Google's; null in production. */
  readonly endpoint: string | null;
  readonly identity: Identity & Pick<MetadataIdentity, "accessToken">;
}

/** gRPC NOT_FOUND. */
const NOT_FOUND = 5;

export async function workflowsRunner(options: WorkflowsOptions): Promise<WorkflowRunner> {
  const { ExecutionsClient } = await import("@google-cloud/workflows");
  const client = new ExecutionsClient({
    projectId: options.projectId,
    ...(await clientEndpoint(options.endpoint)),
  });
  const parentOf = (workflow: WorkflowName) =>
    `projects/${options.projectId}/locations/${options.region}/workflows/${workflow}`;
  return {
    async start(workflow, args) {
      const [execution] = await client.createExecution({
        parent: parentOf(workflow),
        execution: { argument: JSON.stringify(args) },
      });
      return execution.name?.split("/").at(-1) ?? "";
    },
    async isRunning(workflow, executionId) {
      try {
        const [execution] = await client.getExecution({
          name: `${parentOf(workflow)}/executions/${executionId}`,
        });
        return execution.state === "ACTIVE" || execution.state === "QUEUED";
      } catch (error) {
        if ((error as { code?: number }).code === NOT_FOUND) return false;
        throw error;
      }
    },
    async callBack(url, body) {
      const response = await fetch(url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          authorization: `Bearer ${await options.identity.accessToken()}`,
        },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(10_000),
      });
      await response.body?.cancel();
      // An execution that ended or gave up waiting has no callback any more: nothing is left to wake.
      if (response.ok || response.status === 404 || response.status === 410) return;
      throw new BifrostError("upstream-unavailable", "the workflow's callback was not accepted", {
        status: response.status,
      });
    },
  };
}
