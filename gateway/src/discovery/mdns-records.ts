/** How nodes are told by multicast DNS (DNS-SD): what a node says of itself, and what is read in others' answers. */
import type { ResponseOutgoingPacket } from "multicast-dns";

export type Answer = ResponseOutgoingPacket["answers"][number];

export interface MdnsService {
  /** `_bifrost._tcp.local`. */
  readonly type: string;
  /** Nodes of other clusters may use the same type; "" = any. */
  readonly cluster: string;
}

export interface Advertised {
  readonly instance: string;
  readonly host: string;
  readonly port: number;
  readonly ip: string;
}

/** What one packet says of one instance. */
export interface Heard {
  readonly instance: string;
  /** Where it runs; null = the packet does not say. */
  readonly place: { readonly host: string; readonly port: number } | null;
  /** How long this holds; 0 = it says goodbye, null = the packet does not say. */
  readonly ttlSeconds: number | null;
  /** null = the packet does not say. */
  readonly cluster: string | null;
}

/** As DNS-SD asks for records that may change. */
export const TTL_SECONDS = 120;
/** Of one label. */
const MAX_NAME_BYTES = 63;
const CLUSTER_KEY = "cluster=";
/** Records of one packet that are looked at. */
const MAX_RECORDS = 256;

/** A node's id as one label; ids that are longer differ in what is left, or their nodes find each other otherwise. */
export function instanceOf(nodeId: string): string {
  return nodeId.slice(0, MAX_NAME_BYTES);
}

/** `ttlSeconds` 0 takes it back. */
export function recordsOf(
  { type, cluster }: MdnsService,
  { instance, host, port, ip }: Advertised,
  ttl = TTL_SECONDS,
): Answer[] {
  const name = `${instance}.${type}`;
  return [
    { name: type, type: "PTR", ttl, data: name },
    { name, type: "SRV", ttl, flush: true, data: { target: host, port } },
    { name, type: "TXT", ttl, flush: true, data: [`${CLUSTER_KEY}${cluster}`] },
    { name: host, type: "A", ttl, flush: true, data: ip },
  ];
}

/** Everything that a packet says of instances of the service. */
export function instancesIn(records: readonly Answer[], { type }: MdnsService): readonly Heard[] {
  const heard = new Map<string, Heard>();
  for (const record of records.slice(0, MAX_RECORDS)) {
    const instance = instanceIn(record, type);
    if (instance === null) continue;
    const before = heard.get(instance) ?? {
      instance,
      place: null,
      ttlSeconds: null,
      cluster: null,
    };
    heard.set(instance, { ...before, ...said(record) });
  }
  return [...heard.values()];
}

/** Addresses by the name of the host, in lower case. */
export function addressesIn(records: readonly Answer[]): ReadonlyMap<string, string> {
  const found = records
    .slice(0, MAX_RECORDS)
    .flatMap((record) =>
      record.type === "A" && record.ttl !== 0 ? [[lower(record.name), record.data] as const] : [],
    );
  return new Map(found);
}

export function lower(name: string): string {
  return name.toLowerCase();
}

function instanceIn(record: Answer, type: string): string | null {
  if (record.type === "PTR")
    return lower(record.name) === lower(type) ? head(record.data, type) : null;
  return record.type === "SRV" || record.type === "TXT" ? head(record.name, type) : null;
}

/** What stands before the type. */
function head(name: string, type: string): string | null {
  const instance = name.slice(0, -type.length - 1);
  return instance !== "" && lower(name) === lower(`${instance}.${type}`) ? instance : null;
}

function said(record: Answer): Partial<Heard> {
  const ttlSeconds = "ttl" in record ? (record.ttl ?? 0) : 0;
  if (record.type === "PTR") return { ttlSeconds };
  if (record.type === "TXT") return { cluster: clusterIn(record.data) };
  if (record.type !== "SRV") return {};
  const { target: host, port } = record.data;
  return { ttlSeconds, place: port > 0 ? { host, port } : null };
}

function clusterIn(data: unknown): string | null {
  const texts = (Array.isArray(data) ? data : [data]).map(String);
  const text = texts.find((one) => one.startsWith(CLUSTER_KEY));
  return text === undefined ? null : text.slice(CLUSTER_KEY.length);
}
