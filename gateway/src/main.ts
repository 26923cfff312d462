/** Entry point of a gateway process. */
import { fileURLToPath } from "node:url";
import { rotateLog, type RotationOptions } from "./access-log/rotate-log.ts";
import { systemTimers } from "@bifrost/shared/domain/time";
import {
  composeAlerts,
  composeCluster,
  composeClusterFile,
  composeDataPlanes,
  composeGateway,
  composeLogger,
  composePolicyStorage,
} from "./compose.ts";
import { composeProviders } from "./compose-providers.ts";
import { processEnvironment, readGatewayConfig } from "./config.ts";
import { hostLimits } from "./limits/limits-hub.ts";
import { runProgram } from "./run-program.ts";
import { watchEarly } from "./workers/first-tables.ts";
import { NO_TABLES } from "./workers/tables.ts";
import { PolicyFaults } from "./workers/policy-faults.ts";

const WORKER_SCRIPT = programBeside("gateway-worker");
const CHECK_SCRIPT = programBeside("policy-check");
const ALERT_SCRIPT = programBeside("alert-rules");
const GOSSIP_SCRIPT = programBeside("gossip-node");

/** Shipped beside the bundle; in the sources one folder up. */
const STANDARD_POLICIES = fileURLToPath(
  new URL(import.meta.url.endsWith(".ts") ? "../policies/" : "policies/", import.meta.url),
);

/** After SIGTERM: Cloud Run kills ten seconds later, and what follows the draining takes time too. */
const DRAIN_MS = 7500;

/** Standard output belongs to whoever reads it. */
function keepLogSmall(where: string, rotation: Pick<RotationOptions, "log" | "reopen">): void {
  if (where === "off" || where === "stdout") return;
  rotateLog({ ...rotation, file: where, timers: systemTimers });
}

/** Bundled or not. */
function programBeside(name: string): string {
  const ending = import.meta.url.endsWith(".ts") ? ".ts" : ".mjs";
  return fileURLToPath(new URL(`${name}${ending}`, import.meta.url));
}

let log = composeLogger("gateway", { logLevel: "info" });

await runProgram({
  name: "gateway",
  drainMs: DRAIN_MS,
  logger: () => log,
  async start(endWithStdin) {
    const config = readGatewayConfig(processEnvironment());
    endWithStdin(config.exitWithStdin);
    log = composeLogger("gateway", config);
    const policyFaults = new PolicyFaults(systemTimers, log);
    const { configStore, cluster: clusterConfig, providers } = await composeClusterFile(config);
    const isOnFirestore = configStore.type === "firestore";
    const policyStorage = isOnFirestore ? composePolicyStorage(config, log) : null;
    const shipped = { standardPolicies: STANDARD_POLICIES, checkScript: CHECK_SCRIPT };
    const cluster = await composeCluster(config, clusterConfig, {
      log,
      gossipScript: GOSSIP_SCRIPT,
    });
    // Workers start while this process still loads what only it needs.
    const configCluster = config.configPublicKey === null ? null : cluster;
    const sources = composeGateway(config, {
      log,
      policyStorage,
      configStore,
      configCluster,
      ...shipped,
    }).then((parts) => watchEarly(parts, systemTimers));
    const firstTables = sources.then(
      (parts) => parts.firstTables,
      () => NO_TABLES, // it does not start at all
    );
    // Without a cluster data planes and calls of providers meet each other in this process.
    const limits = cluster?.limits ?? hostLimits(systemTimers);
    const common = { log, policyFaults, policyStorage };
    const planeParts = { ...common, cluster: clusterConfig, firstTables, limits };
    const [dataPlanes, parts, providerCalls, { startGateway }] = await Promise.all([
      composeDataPlanes(config, { ...planeParts, workerScript: WORKER_SCRIPT }),
      sources,
      composeProviders(config, { providers, limits, log }),
      import("./gateway.ts"),
    ]);
    const alerts = composeAlerts(config, { ...common, alertScript: ALERT_SCRIPT });
    const gateway = await startGateway({
      ...parts,
      dataPlanes,
      policyFaults,
      alerts,
      cluster,
      providers: providerCalls,
    });
    process.on("SIGHUP", () => dataPlanes.reopenLogs());
    keepLogSmall(config.accessLog, { log, reopen: () => dataPlanes.reopenLogs() });
    return {
      facts: {
        port: gateway.port,
        controlPort: gateway.controlPort,
        telemetryGrpcPort: gateway.telemetryGrpcPort,
        ...(providerCalls === null ? {} : { providersPort: providerCalls.port }),
        domain: config.domain,
      },
      stop: (graceMs) => gateway.stop(graceMs),
    };
  },
});
