/** What a GossipNode is made of, and what is wrong with it. */
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import { ByteWriter } from "./bytes.ts";
import { isPrintable, MAX_META_BYTES, writeMeta } from "./codec.ts";
import { type MemberMeta, NODE_ID, type NodeId } from "./member.ts";
import type { GossipPreset } from "./presets.ts";
import type { HealthThresholds } from "./round-trip.ts";
import type { Transport } from "./transport.ts";

export interface GossipNodeOptions {
  /** 1 to 64 of letters, digits, `.`, `_`, `-`; unlike any other node's. */
  readonly id: NodeId;
  /** `epoch` new with each start; all of it at most MAX_META_BYTES encoded. */
  readonly meta: MemberMeta;
  /** Not started: the node starts and stops it. */
  readonly transport: Transport;
  readonly timers: Timers;
  readonly log: Logger;
  /** 32 random bits, such as `crypto.randomInt(2 ** 32)`; two nodes must not share them. */
  readonly seed: number;
  /** Milliseconds that never jump, such as `performance.now`; by default `timers.now`. */
  readonly uptime?: () => number;
  /** MESH by default. */
  readonly preset?: GossipPreset;
  /** `timeout_seconds`, `success_threshold`, `failure_threshold` of the file; DEFAULT_HEALTH by default. */
  readonly health?: HealthThresholds;
  /** How long ids of messages are remembered; 2 minutes by default. */
  readonly deduplicationMs?: number;
}

export const DEFAULT_HEALTH: HealthThresholds = {
  timeoutMs: 10_000,
  successThreshold: 3,
  failureThreshold: 3,
};
export const DEFAULT_DEDUPLICATION_MS = 120_000;

export function checkId(id: NodeId): void {
  if (NODE_ID.test(id)) return;
  throw new BifrostError(
    "invalid-environment",
    `The node id "${id}" is not 1 to 64 of letters, digits, ".", "_" and "-"; set node_id in cluster_config.`,
    { nodeId: id },
  );
}

export function checkMeta(meta: MemberMeta): void {
  const writer = new ByteWriter();
  writeMeta(writer, meta);
  const bytes = writer.bytes().length;
  const texts = [meta.region, meta.host, meta.control, meta.version];
  if (bytes <= MAX_META_BYTES && texts.every(isPrintable)) return;
  throw new BifrostError(
    "invalid-environment",
    `What this node tells of itself (region, host, control address, version) is ${bytes} bytes; it may be ${MAX_META_BYTES} without control characters.`,
    { bytes },
  );
}
