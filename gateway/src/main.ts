/** Entry point of a gateway process. */
import { isBifrostError, messageOf } from "@bifrost/shared/domain/errors";
import type { Logger } from "@bifrost/shared/ports/logger";
import { composeGateway, composeLogger } from "./compose.ts";
import { processEnvironment, readGatewayConfig } from "./config.ts";
import { startGateway, type RunningGateway } from "./gateway.ts";

/** After SIGTERM: Cloud Run kills ten seconds later, and what follows the draining takes time too. */
const DRAIN_MS = 7500;

/** With the parent gone nobody waits for us, and its successor wants the ports. */
const ORPHAN_DRAIN_MS = 250;

/** sysexits.h: configuration error. */
const EXIT_CONFIG = 78;

async function run(): Promise<void> {
  const config = readGatewayConfig(processEnvironment());
  const log = composeLogger(config);
  const gateway = await startGateway(await composeGateway(config, log));
  stopOnSignal(gateway, log, config.exitWithStdin);
  log.info("gateway listening", {
    ready: true,
    port: gateway.port,
    controlPort: gateway.controlPort,
    domain: config.domain,
  });
}

function stopOnSignal(gateway: RunningGateway, log: Logger, exitWithStdin: boolean): void {
  let isStopping = false;
  const stop = (cause: string, graceMs = DRAIN_MS): void => {
    if (isStopping) return;
    isStopping = true;
    log.info("gateway draining", { cause });
    void gateway.stop(graceMs).finally(() => process.exit(0));
  };
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
  if (!exitWithStdin) return;
  process.stdin.on("end", () => stop("parent ended", ORPHAN_DRAIN_MS));
  process.stdin.on("error", () => stop("parent ended", ORPHAN_DRAIN_MS));
  process.stdin.resume();
}

run().catch((error: unknown) => {
  const isConfig = isBifrostError(error, "invalid-environment");
  const log = composeLogger({ logLevel: "info" });
  log.error("gateway did not start", { error: messageOf(error) });
  process.exit(isConfig ? EXIT_CONFIG : 1);
});
