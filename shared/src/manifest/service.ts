import type { V1Service } from "@kubernetes/client-node";
import type { ManifestInput } from "./manifest-input.ts";
import { HTTP_PORT, objectMetadata, objectNames, selectorLabels } from "./names.ts";

/** Gives the deployment's ready pods an EndpointSlice, from which the gateway takes its backends. */
export function service(input: ManifestInput): V1Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: objectMetadata(input, objectNames(input).workload),
    spec: {
      type: "ClusterIP",
      selector: selectorLabels(input),
      ports: [{ name: HTTP_PORT, port: 80, targetPort: HTTP_PORT, protocol: "TCP" }],
    },
  };
}
