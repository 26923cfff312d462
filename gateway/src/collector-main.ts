/** Entry point of a collector process: in the cluster two of them stand behind one ClusterIP service. */
import { readCollectorConfig } from "./collector-config.ts";
import { startCollector } from "./collector.ts";
import { composeCollector, composeLogger } from "./compose.ts";
import { processEnvironment } from "./config.ts";
import { runProgram } from "./run-program.ts";

/** After SIGTERM: well below the grace of its pod, ops/kubernetes/collector/collector.yaml. */
const DRAIN_MS = 20_000;

let log = composeLogger("collector", { logLevel: "info" });

await runProgram({
  name: "collector",
  drainMs: DRAIN_MS,
  logger: () => log,
  async start(endWithStdin) {
    const config = readCollectorConfig(processEnvironment());
    endWithStdin(config.exitWithStdin);
    log = composeLogger("collector", config);
    const collector = await startCollector(composeCollector(config, log));
    return {
      facts: {
        controlPort: collector.controlPort,
        telemetryGrpcPort: collector.telemetryGrpcPort,
      },
      stop: (graceMs) => collector.stop(graceMs),
    };
  },
});
