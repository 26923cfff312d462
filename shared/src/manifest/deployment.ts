/** The Kubernetes Deployment of one deployment: sidecar, app and how they are rolled out. */
import type { V1Deployment, V1PodSpec } from "@kubernetes/client-node";
import { deploymentAnnotations } from "./annotations.ts";
import { appContainer, SCRATCH_VOLUME } from "./app-container.ts";
import type { ManifestInput } from "./manifest-input.ts";
import { objectLabels, objectMetadata, objectNames, selectorLabels } from "./names.ts";
import { sidecarContainer } from "./sidecar-container.ts";

const PROGRESS_DEADLINE_SECONDS = 600;
const TERMINATION_GRACE_SECONDS = 30;

export function deployment(input: ManifestInput): V1Deployment {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      ...objectMetadata(input, objectNames(input).workload),
      annotations: deploymentAnnotations(input),
    },
    spec: {
      // Said although the autoscaler owns it later: a release starts with its smallest size.
      replicas: input.config.scaling.minReplicas,
      selector: { matchLabels: selectorLabels(input) },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      progressDeadlineSeconds: PROGRESS_DEADLINE_SECONDS,
      revisionHistoryLimit: 1,
      template: { metadata: { labels: objectLabels(input) }, spec: podSpec(input) },
    },
  };
}

function podSpec(input: ManifestInput): V1PodSpec {
  return {
    initContainers: [sidecarContainer(input)],
    containers: [appContainer(input)],
    volumes: [{ name: SCRATCH_VOLUME, emptyDir: { sizeLimit: "256Mi" } }],
    // The sidecar reads the app's CPU, memory and descriptors from /proc.
    shareProcessNamespace: true,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: TERMINATION_GRACE_SECONDS,
    securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
  };
}
