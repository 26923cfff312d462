import type { V1PodDisruptionBudget } from "@kubernetes/client-node";
import type { ManifestInput } from "./manifest-input.ts";
import { objectMetadata, objectNames, selectorLabels } from "./names.ts";

/** One pod at a time: a smallest count would block every node drain of an app with one replica. */
export function disruptionBudget(input: ManifestInput): V1PodDisruptionBudget {
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: objectMetadata(input, objectNames(input).workload),
    spec: { maxUnavailable: 1, selector: { matchLabels: selectorLabels(input) } },
  };
}
