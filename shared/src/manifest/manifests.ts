/** App config and image to Kubernetes objects. Pure: the same input gives the same objects. */
import type { KubernetesObject } from "@kubernetes/client-node";
import { autoscaler } from "./autoscaler.ts";
import { deployment } from "./deployment.ts";
import { disruptionBudget } from "./disruption-budget.ts";
import { envConfigMap } from "./env-config-map.ts";
import type { ManifestInput } from "./manifest-input.ts";
import { assertRenderable } from "./manifest-input.ts";
import { namespace } from "./namespace.ts";
import { networkPolicy } from "./network-policy.ts";
import { providerSecrets } from "./provider-access.ts";
import { service } from "./service.ts";
import { telemetrySecret } from "./telemetry-secret.ts";

export type { ManifestInput } from "./manifest-input.ts";

/**
 * The objects in the order in which they must be applied, in the form the API server reads (a network
 * policy's `from`, not the client classes' `_from`). Throws `manifest-invalid` when the image has no
 * digest or an id cannot be a label.
 */
export function renderManifests(input: ManifestInput): KubernetesObject[] {
  assertRenderable(input);
  return [
    namespace(input),
    networkPolicy(input),
    envConfigMap(input),
    telemetrySecret(input),
    ...providerSecrets(input),
    deployment(input),
    service(input),
    autoscaler(input),
    disruptionBudget(input),
  ];
}
