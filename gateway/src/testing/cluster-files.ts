/** The sample files of the clustering documentation, word for word; `basics` is its skeleton, which each method completes. */

import { isBifrostError } from "@bifrost/shared/domain/errors";
import type { ClusterFile } from "../cluster-config/cluster-config.ts";
import { readClusterFile } from "../cluster-config/read-cluster-file.ts";

const GOSSIP = `"gossip": { "port": 10101, "config": { "timeout_seconds": 10, "success_threshold": 3, "failure_threshold": 3 } }`;

export const CLUSTER_FILES = {
  basics: `{ "cluster_config": { "enabled": true, "discovery": { "enabled": true, "type": "kubernetes", "service_name": "bifrost-cluster" }, ${GOSSIP} } }`,
  kubernetes: `{ "cluster_config": { "enabled": true, "discovery": { "enabled": true, "type": "kubernetes", "service_name": "bifrost-cluster", "k8s_namespace": "default", "k8s_label_selector": "app=bifrost" }, ${GOSSIP} } }`,
  consul: `{ "cluster_config": { "enabled": true, "discovery": { "enabled": true, "type": "consul", "service_name": "bifrost-cluster", "consul_address": "consul.service.consul:8500" }, ${GOSSIP} } }`,
  etcd: `{ "cluster_config": { "enabled": true, "discovery": { "enabled": true, "type": "etcd", "service_name": "bifrost-cluster", "etcd_endpoints": [ "http://etcd-1:2379", "http://etcd-2:2379", "http://etcd-3:2379" ], "dial_timeout": "10s" }, ${GOSSIP} } }`,
  dns: `{ "cluster_config": { "enabled": true, "discovery": { "enabled": true, "type": "dns", "service_name": "bifrost-cluster", "dns_names": [ "bifrost-cluster.local", "bifrost-nodes.internal.company.com" ], "bind_port": 10101 }, ${GOSSIP} } }`,
  udp: `{ "cluster_config": { "enabled": true, "discovery": { "enabled": true, "type": "udp", "service_name": "bifrost-cluster", "udp_broadcast_port": 9999, "allowed_address_space": [ "192.168.1.0/24", "10.0.0.0/8" ], "dial_timeout": "10s" }, ${GOSSIP} } }`,
  mdns: `{ "cluster_config": { "enabled": true, "discovery": { "enabled": true, "type": "mdns", "service_name": "bifrost", "mdns_service": "_bifrost._tcp", "dial_timeout": "10s" }, ${GOSSIP} } }`,
  production: `{ "cluster_config": { "enabled": true, "discovery": { "enabled": true, "type": "kubernetes", "service_name": "bifrost-cluster", "k8s_namespace": "bifrost", "k8s_label_selector": "app=bifrost,component=gateway" }, ${GOSSIP} }, "config_store": { "enabled": true, "type": "postgres", "config": { "host": "postgres.bifrost.svc.cluster.local", "port": "5432", "user": "bifrost", "password": "changeme", "db_name": "bifrost", "ssl_mode": "require" } } }`,
} as const;

/** Of a text, or of what is to be one. */
export function readFileText(file: unknown, storePassword: string | null = null): ClusterFile {
  const text = typeof file === "string" ? file : JSON.stringify(file);
  return readClusterFile(text, { file: "config.json", storePassword });
}

/** The lines of the error, without its head. */
export function problemsOf(file: unknown): readonly string[] {
  try {
    readFileText(file);
  } catch (error) {
    if (isBifrostError(error, "cluster-config-invalid")) return error.message.split("\n").slice(1);
    throw error;
  }
  return [];
}

/** A file with a cluster that is switched on. */
export function clusterFile(rest: Readonly<Record<string, unknown>>): unknown {
  return { cluster_config: { enabled: true, ...rest } };
}

export function discoveryFile(...discoveries: readonly unknown[]): unknown {
  return clusterFile({ discovery: discoveries.length === 1 ? discoveries[0] : discoveries });
}
