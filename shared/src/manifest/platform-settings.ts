/** What the platform itself decides about an app's workload; kept with the snapshot so that manifests can be rendered again. */
import * as v from "valibot";
import { BifrostError } from "../domain/errors.ts";

const DNS_NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;
const DNS_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const CIDR = /^[0-9a-f:.]{2,45}\/\d{1,3}$/;

/** NDJSON over HTTP/1.1, or a gRPC stream. */
export const COLLECTOR_PROTOCOLS = ["http", "grpc"] as const;
export type CollectorProtocol = (typeof COLLECTOR_PROTOCOLS)[number];
export const DEFAULT_COLLECTOR_PROTOCOL = "http";

export const platformSettingsSchema = v.strictObject({
  /** A project's namespace is this and its slug. */
  namespacePrefix: v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,19}$/)),
  /** Image of the health sidecar, by digest. */
  sidecarImage: v.pipe(v.string(), v.maxLength(512), v.includes("@sha256:")),
  /** Where sidecars report to. */
  collectorHost: v.pipe(v.string(), v.regex(DNS_NAME)),
  collectorPort: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535)),
  /** What they speak there; snapshots from before there was a choice have none: `http`. */
  collectorProtocol: v.exactOptional(v.picklist(COLLECTOR_PROTOCOLS)),
  /** Where apps call AI providers through the gateway; absent = they are not told of it. */
  providersUrl: v.exactOptional(v.pipe(v.string(), v.url(), v.maxLength(512))),
  /** Namespaces whose pods may open connections to apps; default: `bifrost`. */
  ingressNamespaces: v.exactOptional(v.array(v.pipe(v.string(), v.regex(DNS_LABEL)))),
  /** Address ranges that may do so as well: a gateway outside the cluster; default: none. */
  ingressCidrs: v.exactOptional(v.array(v.pipe(v.string(), v.regex(CIDR)))),
});

export type PlatformSettings = Readonly<v.InferOutput<typeof platformSettingsSchema>>;

/** Namespace of the gateway and the collector when the settings name none. */
export const DEFAULT_INGRESS_NAMESPACES = ["bifrost"] as const;

/** Reads stored settings back; throws `data-corrupt` naming the first field that is wrong. */
export function parsePlatformSettings(stored: unknown): PlatformSettings {
  const result = v.safeParse(platformSettingsSchema, stored);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = v.getDotPath(issue) ?? "";
  throw new BifrostError(
    "data-corrupt",
    `the stored platform settings are wrong at "${path}": ${issue.message}`,
    { path },
  );
}
