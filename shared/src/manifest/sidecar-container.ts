/** The health sidecar: a native one, so it starts before the app and ends after it. */
import type { V1Container, V1Probe } from "@kubernetes/client-node";
import { lockedDown, SIDECAR_UID } from "./container-security.ts";
import type { ManifestInput } from "./manifest-input.ts";
import { objectNames, SIDECAR_CONTAINER } from "./names.ts";
import { DEFAULT_COLLECTOR_PROTOCOL } from "./platform-settings.ts";

/** Key of the telemetry Secret. */
export const TOKEN_KEY = "token";

/** Passes and failures in a row that change the sidecar's verdict. */
const THRESHOLDS = { successThreshold: 2, failureThreshold: 3 } as const;

/**
 * The sidecar shares the app's network, so its port must not be one an app would take: above those that the kernel
 * gives to outgoing connections, and the same number as its uid.
 */
const LIVENESS_PORT = 65_532;
const LIVENESS_PORT_NAME = "liveness";

export function sidecarContainer(input: ManifestInput): V1Container {
  const { config, platform } = input;
  const livenessPort = config.app.port === LIVENESS_PORT ? LIVENESS_PORT + 1 : LIVENESS_PORT;
  return {
    name: SIDECAR_CONTAINER,
    image: platform.sidecarImage,
    restartPolicy: "Always",
    ports: [{ name: LIVENESS_PORT_NAME, containerPort: livenessPort, protocol: "TCP" }],
    env: [
      { name: "DEPLOYMENT_ID", value: input.deploymentId },
      { name: "REPLICA", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
      // Every pod has it, IPv6-only ones too, and an app that listens on [::] is reached by it.
      { name: "PROBE_HOST", value: "127.0.0.1" },
      { name: "PROBE_PORT", value: String(config.app.port) },
      { name: "PROBE_PATH", value: config.health.path },
      { name: "PROBE_INTERVAL_MS", value: String(config.health.interval.ms) },
      { name: "PROBE_TIMEOUT_MS", value: String(config.health.timeout.ms) },
      { name: "PROBE_PASSES", value: String(THRESHOLDS.successThreshold) },
      { name: "PROBE_FAILURES", value: String(THRESHOLDS.failureThreshold) },
      { name: "COLLECTOR_HOST", value: platform.collectorHost },
      { name: "COLLECTOR_PORT", value: String(platform.collectorPort) },
      {
        name: "COLLECTOR_PROTOCOL",
        value: platform.collectorProtocol ?? DEFAULT_COLLECTOR_PROTOCOL,
      },
      {
        name: "COLLECTOR_TOKEN",
        valueFrom: { secretKeyRef: { name: objectNames(input).telemetry, key: TOKEN_KEY } },
      },
      { name: "LIVENESS_PORT", value: String(livenessPort) },
    ],
    livenessProbe: LIVENESS_PROBE,
    // It needs less than half a MiB. The limit is for the container runtime, which starts inside of it and needs
    // several MiB for a moment. Under a heavier load of the node, fewer shares of CPU would make probes late.
    resources: { requests: { cpu: "5m", memory: "1Mi" }, limits: { memory: "16Mi" } },
    securityContext: lockedDown(SIDECAR_UID),
  };
}

/**
 * A sidecar that hangs would be taken for an app that does not answer. The kubelet asks from the pod's own node, which
 * network policies let through: they are about traffic between pods.
 */
const LIVENESS_PROBE: V1Probe = {
  httpGet: { path: "/", port: LIVENESS_PORT_NAME, scheme: "HTTP" },
  periodSeconds: 10,
  timeoutSeconds: 5,
  failureThreshold: 3,
};
