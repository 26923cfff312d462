/** `cluster_config.discovery`: one object or several. */
import type { DiscoveryConfig } from "./cluster-config.ts";
import {
  COMMON_DISCOVERY_FIELDS,
  DISCOVERY_FIELDS,
  DISCOVERY_TYPES,
  type DiscoveryType,
  type Field,
  type Fields,
} from "./fields.ts";
import { below, readObject, reportMissing, type ValuesOf } from "./read-object.ts";
import type { Place } from "./value-kinds.ts";

const MOST = 16;

/** Those that are switched on; what is wrong with one is said and leaves it out. */
export function readDiscoveries(
  found: unknown,
  place: Place,
  gossipPort: number,
): readonly DiscoveryConfig[] {
  if (found === undefined) return [];
  if (!Array.isArray(found)) return readDiscovery(found, place, gossipPort);
  if (found.length > MOST) {
    const allowed = `one object, or a list of at most ${MOST}`;
    const remedy = "remove those that find no nodes";
    place.problems.add({
      path: place.path,
      found: `a list of ${found.length}`,
      allowed,
      remedy,
    });
    return [];
  }
  return found.flatMap((one: unknown, index) =>
    readDiscovery(one, below(place, index), gossipPort),
  );
}

/** None when it is switched off. */
function readDiscovery(
  found: unknown,
  place: Place,
  gossipPort: number,
): readonly DiscoveryConfig[] {
  const type = typeIn(found);
  const own: Fields = type === undefined ? everyField() : DISCOVERY_FIELDS[type];
  const isIdle = !isEnabled(found);
  const values = readObject({ ...COMMON_DISCOVERY_FIELDS, ...own }, found, place, {
    isIdle: isIdle || type === undefined,
    elsewhere: ownerOf,
  });
  if (type === undefined) {
    if (!isIdle && !place.problems.has([...place.path, "type"])) {
      reportMissing(COMMON_DISCOVERY_FIELDS.type, below(place, "type"));
    }
    return [];
  }
  if (isIdle) return [];
  reportEmptyLists(own, values, place);
  reportServiceName(type, found, values, place);
  if (type === "udp") reportAddressSpace(values, place);
  if (place.problems.has(place.path)) return [];
  const {
    service_name: serviceName = "",
    bind_port: bindPort = gossipPort,
    dial_timeout: dialTimeoutMs,
    allowed_address_space: allowedAddressSpace,
  } = values as ValuesOf<typeof COMMON_DISCOVERY_FIELDS>;
  const common = { serviceName, bindPort, dialTimeoutMs, allowedAddressSpace };
  return [{ ...common, ...METHODS[type](values as unknown as MethodValues) }];
}

/** Of all methods together: each takes what is its own. */
type MethodValues = ValuesOf<(typeof DISCOVERY_FIELDS)["kubernetes"]> &
  ValuesOf<(typeof DISCOVERY_FIELDS)["consul"]> &
  ValuesOf<(typeof DISCOVERY_FIELDS)["etcd"]> &
  ValuesOf<(typeof DISCOVERY_FIELDS)["dns"]> &
  ValuesOf<(typeof DISCOVERY_FIELDS)["udp"]> &
  ValuesOf<(typeof DISCOVERY_FIELDS)["mdns"]>;

type Method<Type extends DiscoveryType> = Omit<
  Extract<DiscoveryConfig, { type: Type }>,
  "serviceName" | "bindPort" | "dialTimeoutMs" | "allowedAddressSpace"
>;

const METHODS: { readonly [Type in DiscoveryType]: (values: MethodValues) => Method<Type> } = {
  kubernetes: ({ k8s_namespace: namespace, k8s_label_selector: labelSelector }) => ({
    type: "kubernetes",
    namespace,
    labelSelector,
  }),
  consul: ({ consul_address: address, consul_datacenter: datacenter = null }) => ({
    type: "consul",
    address,
    datacenter,
  }),
  etcd: ({ etcd_endpoints: endpoints }) => ({ type: "etcd", endpoints }),
  dns: ({ dns_names: names }) => ({ type: "dns", names }),
  udp: ({ udp_broadcast_port: broadcastPort }) => ({ type: "udp", broadcastPort }),
  mdns: ({ mdns_service: service }) => ({ type: "mdns", service }),
  firestore: () => ({ type: "firestore" }),
};

function typeIn(found: unknown): DiscoveryType | undefined {
  return DISCOVERY_TYPES.find((type) => fieldIn(found, "type") === type);
}

function isEnabled(found: unknown): boolean {
  return fieldIn(found, "enabled") === true;
}

function fieldIn(found: unknown, name: string): unknown {
  if (typeof found !== "object" || found === null) return undefined;
  return Object.hasOwn(found, name) ? Reflect.get(found, name) : undefined;
}

/** For an object whose type is not known: a field of any type may be meant. */
function everyField(): Fields {
  return Object.assign({}, ...Object.values(DISCOVERY_FIELDS)) as Fields;
}

function ownerOf(name: string): string | undefined {
  const owner = DISCOVERY_TYPES.find((type) => Object.hasOwn(DISCOVERY_FIELDS[type], name));
  return owner === undefined
    ? undefined
    : `it belongs to discovery of type "${owner}": remove it, or change the type`;
}

/** A required list that is empty is as good as none. */
function reportEmptyLists(
  own: Fields,
  values: Readonly<Record<string, unknown>>,
  place: Place,
): void {
  for (const [name, field] of Object.entries(own)) {
    if (field.isRequired === true) reportEmpty(field, values[name], below(place, name));
  }
}

function reportEmpty(field: Field<unknown>, value: unknown, { path, problems }: Place): void {
  if (!Array.isArray(value) || value.length > 0) return;
  const { expects, example } = field.kind;
  const remedy = `write for example ${example}`;
  problems.add({ path, found: "an empty list", allowed: `${expects}, at least one`, remedy });
}

const NAMED: readonly DiscoveryType[] = ["consul", "etcd", "udp"];

function reportServiceName(
  type: DiscoveryType,
  found: unknown,
  values: Partial<ValuesOf<typeof COMMON_DISCOVERY_FIELDS>>,
  place: Place,
): void {
  const isNeeded =
    NAMED.includes(type) || (type === "mdns" && fieldIn(found, "mdns_service") === undefined);
  const at = below(place, "service_name");
  if (!isNeeded || values.service_name !== undefined || place.problems.has(at.path)) return;
  const allowed = `a name, which discovery of type "${type}" requires: ${COMMON_DISCOVERY_FIELDS.service_name.kind.expects}`;
  const remedy = 'add "service_name": "bifrost-cluster", the same on every node';
  place.problems.add({ path: at.path, found: "nothing", allowed, remedy });
}

function reportAddressSpace(
  values: Partial<ValuesOf<typeof COMMON_DISCOVERY_FIELDS>>,
  place: Place,
): void {
  if (values.allowed_address_space?.length !== 0) return;
  place.problems.add({
    path: below(place, "allowed_address_space").path,
    found: "nothing",
    allowed:
      "the networks of the nodes in CIDR notation, which UDP broadcast discovery requires so that it stays within trusted subnets",
    remedy: 'add "allowed_address_space": ["192.168.1.0/24"]',
  });
}
