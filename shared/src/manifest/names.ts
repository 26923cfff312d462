/** Names and labels of a deployment's objects; each carries the deployment's id, so several coexist in a project. */
import type { ManifestInput } from "./manifest-input.ts";

export const DEPLOYMENT_LABEL = "bifrost.dev/deployment";
export const PROJECT_LABEL = "bifrost.dev/project";
/** Bytes that each replica may use: EndpointSlices carry the labels of their Service, and so tell the gateway. */
export const MEMORY_LABEL = "bifrost.dev/memory-bytes";
/** Prefix of annotations that keep a deploy.toml value: `bifrost.dev/health.watch`. */
export const ANNOTATION_PREFIX = "bifrost.dev/";

export const APP_CONTAINER = "app";
export const SIDECAR_CONTAINER = "bifrost-sidecar";
/** Name of the container port and of the Service's port. */
export const HTTP_PORT = "http";

interface ObjectNames {
  readonly namespace: string;
  /** Deployment, Service, autoscaler, disruption budget and network policy share one name. */
  readonly workload: string;
  readonly env: string;
  readonly telemetry: string;
  readonly providers: string;
}

export function objectNames(input: ManifestInput): ObjectNames {
  const workload = workloadName(input.deploymentId);
  return {
    namespace: namespaceName(input.platform.namespacePrefix, input.projectSlug),
    workload,
    env: `${workload}-env`,
    telemetry: `${workload}-telemetry`,
    providers: `${workload}-providers`,
  };
}

/** `d-` and the id in the letters Kubernetes allows. */
function workloadName(deploymentId: string): string {
  return `d-${deploymentId.toLowerCase().replaceAll(/[^a-z0-9-]/g, "-")}`;
}

export function namespaceName(prefix: string, projectSlug: string): string {
  return `${prefix}${projectSlug}`;
}

/** What selects the pods of one deployment and of no other. */
export function selectorLabels(input: ManifestInput): Record<string, string> {
  return { [DEPLOYMENT_LABEL]: input.deploymentId };
}

export function objectLabels(input: ManifestInput): Record<string, string> {
  return {
    "app.kubernetes.io/name": input.projectSlug,
    "app.kubernetes.io/managed-by": "bifrost",
    "bifrost.dev/runtime": input.config.runtime,
    [PROJECT_LABEL]: input.projectId,
    ...selectorLabels(input),
  };
}

interface Metadata {
  name: string;
  namespace: string;
  labels: Record<string, string>;
}

export function objectMetadata(input: ManifestInput, name: string): Metadata {
  return { name, namespace: objectNames(input).namespace, labels: objectLabels(input) };
}
