/** The container that runs the project's own code. */
import type { V1Container, V1Probe } from "@kubernetes/client-node";
import type { WorkloadConfig } from "../app-config/app-config.ts";
import { commandLine } from "./command-line.ts";
import { APP_UID, lockedDown } from "./container-security.ts";
import type { ManifestInput } from "./manifest-input.ts";
import { APP_CONTAINER, HTTP_PORT, objectNames } from "./names.ts";
import { providerEnvironment } from "./provider-access.ts";

/** Longest time an app may take to answer its first probe. */
const STARTUP_SECONDS = 300;

/** Failures in a row after which a replica gets no more traffic, and after which its app is started anew. */
const UNREADY_AFTER = 2;
const RESTART_AFTER = 3;

/**
 * Time between a sidecar's verdict and the failure of a watched release, with some to spare. An app that is started anew
 * before would leave nothing to see of what its health check answered.
 */
const JUDGEMENT_MS = 8_000;

/** Volume for the one place the app may write to. */
export const SCRATCH_VOLUME = "tmp";

export function appContainer(input: ManifestInput): V1Container {
  const { config } = input;
  // Null: a Dockerfile's image that starts by itself.
  const { command } = config.run;
  const { cpu, memory } = config.resources;
  return {
    name: APP_CONTAINER,
    image: input.imageReference,
    ...(command === null ? {} : { command: commandLine(command) }),
    ports: [{ name: HTTP_PORT, containerPort: config.app.port, protocol: "TCP" }],
    env: [{ name: "PORT", value: String(config.app.port) }, ...providerEnvironment(input)],
    envFrom: [{ configMapRef: { name: objectNames(input).env } }],
    // No CPU limit: an idle node's cores may be used, and throttling makes tail latency worse.
    resources: {
      requests: { cpu: cpu.text, memory: memory.text },
      limits: { memory: memory.text },
    },
    ...probes(config),
    securityContext: lockedDown(APP_UID),
    volumeMounts: [{ name: SCRATCH_VOLUME, mountPath: "/tmp" }],
  };
}

type ProbeName = "startupProbe" | "readinessProbe" | "livenessProbe";

/** Kubernetes counts in whole seconds; the sidecar gets the exact times. */
function probes({ health }: WorkloadConfig): Record<ProbeName, V1Probe> {
  const probe = {
    httpGet: { path: health.path, port: HTTP_PORT, scheme: "HTTP" },
    periodSeconds: wholeSeconds(health.interval.ms),
    timeoutSeconds: wholeSeconds(health.timeout.ms),
  } satisfies V1Probe;
  return {
    startupProbe: { ...probe, periodSeconds: 1, failureThreshold: STARTUP_SECONDS },
    // Traffic leaves a replica no later than its sidecar calls it unhealthy, and comes back with the first pass: the
    // thresholds decide about releases. A restart comes neither before the sidecar's verdict nor before what follows it.
    readinessProbe: {
      ...probe,
      failureThreshold: Math.min(UNREADY_AFTER, health.failureThreshold),
      successThreshold: 1,
    },
    livenessProbe: { ...probe, failureThreshold: restartAfter(health) },
  };
}

/** Failures in a row, none of which comes sooner after another than a timeout or an interval. */
function restartAfter({ interval, timeout, failureThreshold }: WorkloadConfig["health"]): number {
  const judgedMs = failureThreshold * timeout.ms + JUDGEMENT_MS;
  const judgedAfter = Math.ceil(judgedMs / 1000 / wholeSeconds(interval.ms));
  return Math.max(RESTART_AFTER, failureThreshold, judgedAfter);
}

function wholeSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}
