/** What the gateways of this machine read when there are several of them: a file for each, and keys made once. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { GatewayPorts } from "../gateways.ts";
import { writePrivate, writePrivateText } from "../secrets.ts";
import { type AssemblyContext, REGION } from "./context.ts";

const KEY_BYTES = 32;

type ClusterContext = Pick<AssemblyContext, "config" | "gateways">;

function folderOf({ config }: ClusterContext): string {
  return path.join(config.home, "cluster");
}

/** Holds the value of BIFROST_GOSSIP_KEYS; `bifrost cluster keys rotate` keeps it up to date. */
export function keysFileOf(context: ClusterContext): string {
  return path.join(folderOf(context), "gossip-keys");
}

function fileOf(context: ClusterContext, gateway: GatewayPorts): string {
  return path.join(folderOf(context), `${gateway.nodeId}.json`);
}

export function writeClusterFiles(context: ClusterContext): void {
  mkdirSync(folderOf(context), { recursive: true, mode: 0o700 });
  const keysFile = keysFileOf(context);
  if (!existsSync(keysFile)) {
    writePrivateText(keysFile, `1:${randomBytes(KEY_BYTES).toString("base64")}\n`);
  }
  for (const gateway of context.gateways) {
    writePrivate(fileOf(context, gateway), clusterFile(context.gateways, gateway));
  }
}

/** Read anew at each start of a gateway: its keys may have been rotated since the last one. */
export function clusterVariables(
  context: ClusterContext,
  gateway: GatewayPorts,
): Readonly<Record<string, string>> {
  return {
    BIFROST_CONFIG: fileOf(context, gateway),
    BIFROST_GOSSIP_KEYS: readFileSync(keysFileOf(context), "utf8").trim(),
  };
}

function addressOf({ gossip }: GatewayPorts): string {
  return `127.0.0.1:${gossip}`;
}

function clusterFile(gateways: readonly GatewayPorts[], gateway: GatewayPorts): object {
  return {
    cluster_config: {
      enabled: true,
      node_id: gateway.nodeId,
      region: REGION,
      bind_address: "127.0.0.1",
      advertise: addressOf(gateway),
      peers: gateways.filter((one) => one !== gateway).map(addressOf),
      gossip: {
        port: gateway.gossip,
        config: { timeout_seconds: 10, success_threshold: 3, failure_threshold: 3 },
      },
    },
  };
}
