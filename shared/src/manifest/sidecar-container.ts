/** The health sidecar: a native one, so it starts before the app and ends after it. */
import type { V1Container } from "@kubernetes/client-node";
import { lockedDown, SIDECAR_UID } from "./container-security.ts";
import type { ManifestInput } from "./manifest-input.ts";
import { objectNames, SIDECAR_CONTAINER } from "./names.ts";

/** Key of the telemetry Secret. */
export const TOKEN_KEY = "token";

export function sidecarContainer(input: ManifestInput): V1Container {
  const { config, platform } = input;
  return {
    name: SIDECAR_CONTAINER,
    image: platform.sidecarImage,
    restartPolicy: "Always",
    env: [
      { name: "DEPLOYMENT_ID", value: input.deploymentId },
      { name: "REPLICA", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      { name: "PROBE_HOST", value: "127.0.0.1" },
      { name: "PROBE_PORT", value: String(config.app.port) },
      { name: "PROBE_PATH", value: config.health.path },
      { name: "PROBE_INTERVAL_MS", value: String(config.health.interval.ms) },
      { name: "PROBE_TIMEOUT_MS", value: String(config.health.timeout.ms) },
      { name: "COLLECTOR_HOST", value: platform.collectorHost },
      { name: "COLLECTOR_PORT", value: String(platform.collectorPort) },
      {
        name: "COLLECTOR_TOKEN",
        valueFrom: { secretKeyRef: { name: objectNames(input).telemetry, key: TOKEN_KEY } },
      },
    ],
    // It uses under 1 MB; the limit is the least that container runtimes start reliably with.
    resources: { requests: { cpu: "5m", memory: "8Mi" }, limits: { memory: "16Mi" } },
    securityContext: lockedDown(SIDECAR_UID),
  };
}
