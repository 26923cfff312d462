import type { V1Namespace } from "@kubernetes/client-node";
import type { ManifestInput } from "./manifest-input.ts";
import { objectNames, PROJECT_LABEL } from "./names.ts";

/** One per project: it names no deployment, so every deployment of the project renders the same. */
export function namespace(input: ManifestInput): V1Namespace {
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name: objectNames(input).namespace,
      labels: {
        "app.kubernetes.io/managed-by": "bifrost",
        [PROJECT_LABEL]: input.projectId,
        "pod-security.kubernetes.io/enforce": "restricted",
      },
    },
  };
}
