/** One line of the report; its fields are described in proto/telemetry.proto. */
import { RESULT_OK, type Probe } from "./probe.ts";
import type { Settings } from "./settings.ts";
import type { Usage } from "./usage.ts";

export function reportLine(
  settings: Settings,
  probe: Probe,
  usage: Usage,
  boot: number,
  seq: number,
  at: number,
  dropped: number,
): string {
  const isHealthy = probe.result === RESULT_OK ? "true" : "false";
  return (
    `{"deployment":"${settings.deploymentId}","pod":"${settings.replica}","boot":${boot},"seq":${seq},"at":${at}` +
    `,"healthy":${isHealthy},"proven":${isHealthy},"verdictMs":0,"connected":true,"connectMs":0,"body":"","result":${probe.result},"status":${probe.status},"latencyMs":${probe.latencyMs}` +
    `,"passes":${probe.passes},"fails":${probe.fails},"restarts":${usage.restarts},"intervalMs":${settings.intervalMs}` +
    `,"procs":${usage.processes},"cpuTicks":${usage.cpuTicks},"cpuOverMs":${usage.cpuOverMs}` +
    `,"rssPages":${usage.rssPages},"threads":${usage.threads},"fds":${usage.descriptors},"fdsDenied":${usage.denied}` +
    `,"dropped":${dropped}}\n`
  );
}
