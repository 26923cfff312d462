/** Entry point of a gateway process. */
import { fileURLToPath } from "node:url";
import { systemTimers } from "@bifrost/shared/domain/time";
import {
  composeDataPlanes,
  composeGateway,
  composeLogger,
  composePolicyStorage,
} from "./compose.ts";
import { processEnvironment, readGatewayConfig } from "./config.ts";
import { startGateway } from "./gateway.ts";
import { runProgram } from "./run-program.ts";
import { PolicyFaults } from "./workers/policy-faults.ts";

/** Beside this file, bundled or not. */
const WORKER_SCRIPT = fileURLToPath(
  new URL(`gateway-worker${import.meta.url.endsWith(".ts") ? ".ts" : ".mjs"}`, import.meta.url),
);

/** Shipped beside the bundle; in the sources one folder up. */
const STANDARD_POLICIES = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "../policies/" : "policies/", import.meta.url),
);

/** After SIGTERM: Cloud Run kills ten seconds later, and what follows the draining takes time too. */
const DRAIN_MS = 7500;

let log = composeLogger("gateway", { logLevel: "info" });

await runProgram({
  name: "gateway",
  drainMs: DRAIN_MS,
  logger: () => log,
  async start() {
    const config = readGatewayConfig(processEnvironment());
    log = composeLogger("gateway", config);
    const policyFaults = new PolicyFaults(systemTimers, log);
    const policyStorage = composePolicyStorage(config, log);
    const standardPolicies = STANDARD_POLICIES;
    const [dataPlanes, parts] = await Promise.all([
      composeDataPlanes(config, { log, policyFaults, policyStorage, workerScript: WORKER_SCRIPT }),
      composeGateway(config, { log, policyStorage, standardPolicies }),
    ]);
    const gateway = await startGateway({ ...parts, dataPlanes, policyFaults });
    process.on("SIGHUP", () => dataPlanes.reopenLogs());
    return {
      facts: {
        port: gateway.port,
        controlPort: gateway.controlPort,
        telemetryGrpcPort: gateway.telemetryGrpcPort,
        domain: config.domain,
      },
      exitWithStdin: config.exitWithStdin,
      stop: (graceMs) => gateway.stop(graceMs),
    };
  },
});
