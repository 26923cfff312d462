/** A pod's output as GKE's logging agent writes it. */
import type { PodLogLine } from "../kubernetes/index.ts";
import type { NewLogEntry } from "../logging/log-entry.ts";

/** Pod labels appear in entries under this prefix, dots as underscores. */
const LABEL_PREFIX = "k8s-pod/";

export function podLogEntry(line: PodLogLine, projectId: string): NewLogEntry {
  const labels = Object.entries(line.labels).map(([name, value]) => [
    `${LABEL_PREFIX}${name.replaceAll(".", "_")}`,
    value,
  ]);
  return {
    logName: `projects/${projectId}/logs/${line.stream}`,
    resource: {
      type: "k8s_container",
      labels: {
        project_id: projectId,
        namespace_name: line.namespace,
        pod_name: line.pod,
        container_name: line.container,
      },
    },
    labels: Object.fromEntries(labels) as Record<string, string>,
    severity: line.stream === "stderr" ? "ERROR" : "INFO",
    textPayload: line.lines.join("\n"),
    timestamp: new Date(line.at).toISOString(),
  };
}
