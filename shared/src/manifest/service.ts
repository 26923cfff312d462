import type { V1Service } from "@kubernetes/client-node";
import type { ManifestInput } from "./manifest-input.ts";
import { HTTP_PORT, MEMORY_LABEL, objectMetadata, objectNames, selectorLabels } from "./names.ts";

/** Gives the deployment's ready pods an EndpointSlice, from which the gateway takes its backends. */
export function service(input: ManifestInput): V1Service {
  const metadata = objectMetadata(input, objectNames(input).workload);
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: {
      ...metadata,
      labels: {
        ...metadata.labels,
        [MEMORY_LABEL]: String(input.config.resources.memory.bytes),
      },
    },
    spec: {
      type: "ClusterIP",
      selector: selectorLabels(input),
      ports: [{ name: HTTP_PORT, port: 80, targetPort: HTTP_PORT, protocol: "TCP" }],
    },
  };
}
