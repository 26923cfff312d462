/** Who may talk to an app (the gateway) and what it may not reach (the cloud's metadata server). */
import type {
  V1NetworkPolicy,
  V1NetworkPolicyEgressRule,
  V1NetworkPolicyIngressRule,
  V1NetworkPolicyPeer,
  V1NetworkPolicySpec,
} from "@kubernetes/client-node";
import type { ManifestInput } from "./manifest-input.ts";
import { objectMetadata, objectNames, selectorLabels } from "./names.ts";
import { DEFAULT_INGRESS_NAMESPACES } from "./platform-settings.ts";

/** The client's classes rename `from` to `_from`; manifests are in the form the API server reads. */
interface IngressRule extends Omit<V1NetworkPolicyIngressRule, "_from"> {
  from: V1NetworkPolicyPeer[];
}

export interface NetworkPolicyManifest extends Omit<V1NetworkPolicy, "spec"> {
  spec: Omit<V1NetworkPolicySpec, "ingress"> & { ingress: IngressRule[] };
}

/** Metadata servers hand out the node's credentials; .252 is GKE's own on workload identity. */
const METADATA_IPV4 = ["169.254.169.254/32", "169.254.169.252/32"];
const METADATA_IPV6 = ["fd20:ce::254/128"];

export function networkPolicy(input: ManifestInput): NetworkPolicyManifest {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: objectMetadata(input, objectNames(input).workload),
    spec: {
      podSelector: { matchLabels: selectorLabels(input) },
      policyTypes: ["Ingress", "Egress"],
      ingress: [
        { from: callers(input), ports: [{ protocol: "TCP", port: input.config.app.port }] },
      ],
      egress: [everywhereButMetadata()],
    },
  };
}

function callers({ platform }: ManifestInput): V1NetworkPolicyPeer[] {
  const namespaces = platform.ingressNamespaces ?? DEFAULT_INGRESS_NAMESPACES;
  return [
    ...namespaces.map((name) => ({
      namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": name } },
    })),
    ...(platform.ingressCidrs ?? []).map((cidr) => ({ ipBlock: { cidr } })),
  ];
}

/** Address blocks do not cover pods in every network plugin, so the cluster's own pods are named too. */
function everywhereButMetadata(): V1NetworkPolicyEgressRule {
  return {
    to: [
      { ipBlock: { cidr: "0.0.0.0/0", except: METADATA_IPV4 } },
      { ipBlock: { cidr: "::/0", except: METADATA_IPV6 } },
      { namespaceSelector: {} },
    ],
  };
}
