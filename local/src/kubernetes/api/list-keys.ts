/** Which lists merge by key and which maps are one value: the parts of the Kubernetes schema that apply needs. */

/** Lists merged item by item; the fields that name an item. Every other list is one value. */
const LIST_KEYS: Readonly<Record<string, readonly string[]>> = {
  "V1PodSpec.containers": ["name"],
  "V1PodSpec.initContainers": ["name"],
  "V1PodSpec.volumes": ["name"],
  "V1PodSpec.imagePullSecrets": ["name"],
  "V1PodSpec.hostAliases": ["ip"],
  "V1PodSpec.topologySpreadConstraints": ["topologyKey", "whenUnsatisfiable"],
  "V1Container.env": ["name"],
  "V1Container.ports": ["containerPort", "protocol"],
  "V1Container.volumeMounts": ["mountPath"],
  "V1ServiceSpec.ports": ["port", "protocol"],
  "V1ObjectMeta.ownerReferences": ["uid"],
};

const KEY_DEFAULTS: Readonly<Record<string, string>> = { protocol: "TCP" };

const ATOMIC_MAPS = new Set(["V1ServiceSpec.selector", "V1PodSpec.nodeSelector"]);

const ATOMIC_MODELS = new Set([
  "V1LabelSelector",
  "V1ObjectFieldSelector",
  "V1ResourceFieldSelector",
  "V1SecretKeySelector",
  "V1ConfigMapKeySelector",
  "V1LocalObjectReference",
]);

export function listKeysOf(place: string): readonly string[] | undefined {
  return LIST_KEYS[place];
}

export function isAtomic(place: string, type: string): boolean {
  return ATOMIC_MAPS.has(place) || ATOMIC_MODELS.has(type);
}

/** `k:{"name":"app"}`: how managedFields name one item; keys in the order of the schema. */
export function itemElement(item: unknown, keys: readonly string[]): string {
  const record = (item ?? {}) as Record<string, unknown>;
  const named = keys.map((key) => [key, record[key] ?? KEY_DEFAULTS[key]] as const);
  return `k:${JSON.stringify(Object.fromEntries(named))}`;
}
