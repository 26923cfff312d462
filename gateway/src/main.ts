/** Entry point of a gateway process. */
import { composeGateway, composeLogger } from "./compose.ts";
import { processEnvironment, readGatewayConfig } from "./config.ts";
import { startGateway } from "./gateway.ts";
import { runProgram } from "./run-program.ts";

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
    const gateway = await startGateway(await composeGateway(config, log));
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
