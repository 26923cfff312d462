import type { V2HorizontalPodAutoscaler } from "@kubernetes/client-node";
import type { ManifestInput } from "./manifest-input.ts";
import { APP_CONTAINER, objectMetadata, objectNames } from "./names.ts";

/** Scales on the app container's CPU alone: the sidecar's must not count against the target. */
export function autoscaler(input: ManifestInput): V2HorizontalPodAutoscaler {
  const { minReplicas, maxReplicas, cpuTarget } = input.config.scaling;
  const { workload } = objectNames(input);
  return {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: objectMetadata(input, workload),
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: workload },
      minReplicas,
      maxReplicas,
      metrics: [
        {
          type: "ContainerResource",
          containerResource: {
            name: "cpu",
            container: APP_CONTAINER,
            target: { type: "Utilization", averageUtilization: cpuTarget },
          },
        },
      ],
    },
  };
}
