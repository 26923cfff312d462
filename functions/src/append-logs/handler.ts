/** One log entry from Cloud Logging's sink becomes one chunk under its deployment. */
import type { Ports } from "../ports.ts";
import { decideChunk, type LogEntry } from "./decide-chunk.ts";

export function createAppendLogs(ports: Pick<Ports, "deployments">) {
  return async (entry: LogEntry) => {
    const decision = decideChunk(entry);
    if (decision === null) return { stored: false };
    const repeated = await ports.deployments.appendLog(decision.deploymentId, decision.chunk);
    return { stored: !repeated };
  };
}
