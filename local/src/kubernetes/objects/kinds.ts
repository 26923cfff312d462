/** The closed list of kinds this stand-in knows; any other is a 404 that names it. */

export interface Kind {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  /** Class of `@kubernetes/client-node` whose type map is the schema. */
  readonly model: string;
  /** Has a status subresource, so a plain write never changes `status`. */
  readonly hasStatus: boolean;
}

function kind(
  groupVersion: string,
  plural: string,
  name: string,
  more: Partial<Kind> & { readonly shortNames: readonly string[] },
): Kind {
  const [first = "", second] = groupVersion.split("/");
  const version = second ?? first;
  return {
    group: second === undefined ? "" : first,
    version,
    plural,
    kind: name,
    namespaced: true,
    model: `${version.charAt(0).toUpperCase()}${version.slice(1)}${name}`,
    hasStatus: false,
    ...more,
  };
}

const stateful = { hasStatus: true } as const;

export const NAMESPACE = kind("v1", "namespaces", "Namespace", {
  shortNames: ["ns"],
  namespaced: false,
  ...stateful,
});
export const POD = kind("v1", "pods", "Pod", { shortNames: ["po"], ...stateful });
export const SERVICE = kind("v1", "services", "Service", { shortNames: ["svc"], ...stateful });
export const CONFIG_MAP = kind("v1", "configmaps", "ConfigMap", { shortNames: ["cm"] });
export const SECRET = kind("v1", "secrets", "Secret", { shortNames: [] });
export const EVENT = kind("v1", "events", "Event", {
  shortNames: ["ev"],
  model: "CoreV1Event",
});
export const DEPLOYMENT = kind("apps/v1", "deployments", "Deployment", {
  shortNames: ["deploy"],
  ...stateful,
});
export const REPLICA_SET = kind("apps/v1", "replicasets", "ReplicaSet", {
  shortNames: ["rs"],
  ...stateful,
});
export const ENDPOINT_SLICE = kind("discovery.k8s.io/v1", "endpointslices", "EndpointSlice", {
  shortNames: [],
});

/** Stored and schema-checked; nothing scales, budgets or filters because of the last three. */
export const KINDS: readonly Kind[] = [
  NAMESPACE,
  POD,
  SERVICE,
  CONFIG_MAP,
  SECRET,
  EVENT,
  DEPLOYMENT,
  REPLICA_SET,
  ENDPOINT_SLICE,
  kind("autoscaling/v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", {
    shortNames: ["hpa"],
    ...stateful,
  }),
  kind("policy/v1", "poddisruptionbudgets", "PodDisruptionBudget", {
    shortNames: ["pdb"],
    ...stateful,
  }),
  kind("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", { shortNames: ["netpol"] }),
];

export function groupVersionOf(found: Kind): string {
  return found.group === "" ? found.version : `${found.group}/${found.version}`;
}

export function findKind(groupVersion: string, plural: string): Kind | undefined {
  return KINDS.find((each) => groupVersionOf(each) === groupVersion && each.plural === plural);
}

export function kindOfObject(apiVersion: string, name: string): Kind | undefined {
  return KINDS.find((each) => groupVersionOf(each) === apiVersion && each.kind === name);
}
