/** A valid line of a sidecar's report. */
import type { TelemetryLine } from "@bifrost/shared/domain/telemetry";

export function sampleLine(changes: Partial<TelemetryLine> = {}): TelemetryLine {
  return {
    deployment: "abcdefghij",
    pod: "pod-1",
    boot: 1000,
    seq: 1,
    at: 2000,
    healthy: true,
    proven: true,
    verdictMs: 0,
    result: 1,
    status: 200,
    connected: true,
    connectMs: 1,
    latencyMs: 3,
    body: "",
    passes: 1,
    fails: 0,
    restarts: 0,
    intervalMs: 1000,
    procs: 1,
    cpuTicks: 5,
    cpuOverMs: 1000,
    rssPages: 100,
    threads: 4,
    fds: 12,
    fdsDenied: 0,
    dropped: 0,
    ...changes,
  };
}
