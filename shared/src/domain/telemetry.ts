/**
 * One line of a sidecar's report (NDJSON, one JSON object per line). The sidecar sends raw counters; this file
 * turns them into the units people read.
 */
import * as v from "valibot";
import { PROBE_RESULTS, type Replica } from "./replica.ts";

/** Largest report the collector reads; a sidecar's queue holds an eighth of it. */
export const MAX_REPORT_BYTES = 64 * 1024;

/** What a sidecar quotes of a failing answer. */
const MAX_BODY_CHARACTERS = 160;

/** Linux: USER_HZ is 100 on every supported architecture, pages are 4 KiB on x86-64 and on GKE's arm64 nodes. */
const TICK_MS = 10;
const PAGE_BYTES = 4096;

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(Number.MAX_SAFE_INTEGER));
/** The last moment of the year 9999, beyond which the store has no timestamps. */
const moment = v.pipe(count, v.maxValue(253_402_300_799_999));
/** What is multiplied below and still has to fit the store's integers; sixteen TiB in pages, a year of CPU in ticks. */
const counter = v.pipe(count, v.maxValue(2 ** 32));
/** The longest interval a sidecar takes: it decides how long a silent replica is believed in. */
const MAX_INTERVAL_MS = 3_600_000;
const podName = v.pipe(v.string(), v.minLength(1), v.maxLength(253), v.regex(/^[A-Za-z0-9._-]+$/));

export const TelemetryLineSchema = v.object({
  deployment: v.pipe(v.string(), v.minLength(1), v.maxLength(128)),
  pod: podName,
  /** Wall clock at the sidecar's start: names one life of a pod's sidecar, compared for equality only. */
  boot: count,
  /** 1, 2, 3 … within one boot; reports are at least once, so (pod, boot, seq) may repeat. */
  seq: count,
  at: moment,
  /** The verdict by thresholds; the last probe alone is told by `result`. */
  healthy: v.boolean(),
  /** Whether the verdict has ever been true in this life of the sidecar. */
  proven: v.boolean(),
  /** How long the verdict has stood. */
  verdictMs: count,
  /** Index into PROBE_RESULTS. */
  result: v.pipe(count, v.maxValue(PROBE_RESULTS.length - 1)),
  /** HTTP status, 0 = none. */
  status: v.pipe(count, v.maxValue(999)),
  /** Whether the TCP connection of the last probe was accepted, and after how long. */
  connected: v.boolean(),
  connectMs: count,
  latencyMs: count,
  /** Begin of an answer that failed the probe by its status. People read it on terminals: it is printable or made so. */
  body: v.pipe(
    v.string(),
    v.maxLength(MAX_BODY_CHARACTERS),
    v.transform((text) => text.replaceAll(/[^\x20-\x7e]/g, ".")),
  ),
  passes: count,
  fails: count,
  restarts: count,
  /** The sidecar's probe interval: how soon the next line is due once the replica is healthy. */
  intervalMs: v.pipe(count, v.maxValue(MAX_INTERVAL_MS)),
  procs: count,
  /** CPU ticks the processes used during the last `cpuOverMs`; 0 over 0 in the first sample. */
  cpuTicks: counter,
  cpuOverMs: count,
  rssPages: counter,
  threads: count,
  fds: count,
  /** Processes whose descriptors could not be counted. */
  fdsDenied: count,
  /** Lines this sidecar had to drop since its start because the collector was away. */
  dropped: count,
});

export type TelemetryLine = v.InferOutput<typeof TelemetryLineSchema>;

/** A replica is gone after three missed samples, but never sooner than this. */
const MIN_SILENCE_MS = 15_000;

/** How long after its last sample a replica is still believed to exist, in ms. */
export function silenceLimitMs(line: Pick<TelemetryLine, "intervalMs">): number {
  return Math.max(MIN_SILENCE_MS, 3 * line.intervalMs);
}

/** `receivedAt`: ms since the epoch by the collector's clock. */
export function replicaOf(line: TelemetryLine, receivedAt: number): Replica {
  const isVisible = line.procs > 0;
  const hasCpu = isVisible && line.cpuOverMs > 0;
  return {
    pod: line.pod,
    boot: line.boot,
    healthy: line.healthy,
    proven: line.proven,
    verdictMs: line.verdictMs,
    consecutivePasses: line.passes,
    lastResult: PROBE_RESULTS[line.result] ?? "none",
    lastStatus: line.status === 0 ? null : line.status,
    lastBody: line.body === "" ? null : line.body,
    connectMs: line.connected ? line.connectMs : null,
    latencyMs: line.latencyMs,
    cpuMillicores: hasCpu ? Math.round((line.cpuTicks * TICK_MS * 1000) / line.cpuOverMs) : null,
    memoryBytes: isVisible ? line.rssPages * PAGE_BYTES : null,
    descriptors: isVisible && line.fdsDenied === 0 ? line.fds : null,
    threads: isVisible ? line.threads : null,
    restarts: line.restarts,
    at: line.at,
    seq: line.seq,
    receivedAt,
    expireAt: receivedAt + silenceLimitMs(line),
  };
}
