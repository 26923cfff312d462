/** Entry point of a gateway process. */
import { isBifrostError, messageOf } from "@bifrost/shared/domain/errors";
import type { Logger } from "@bifrost/shared/ports/logger";
import { composeGateway, composeLogger } from "./compose.ts";
import { processEnvironment, readGatewayConfig } from "./config.ts";
import { startGateway, type RunningGateway } from "./gateway.ts";

/** After SIGTERM: Kubernetes and Cloud Run kill ten seconds later at the earliest. */
const DRAIN_MS = 10_000;

/** sysexits.h: configuration error. */
const EXIT_CONFIG = 78;

async function run(log: Logger): Promise<void> {
  const config = readGatewayConfig(processEnvironment());
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
  const stop = (cause: string): void => {
    if (isStopping) return;
    isStopping = true;
    log.info("gateway draining", { cause });
    void gateway.stop(DRAIN_MS).finally(() => process.exit(0));
  };
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
  if (!exitWithStdin) return;
  process.stdin.on("end", () => stop("parent ended"));
  process.stdin.on("error", () => stop("parent ended"));
  process.stdin.resume();
}

const log = composeLogger({ logLevel: "info" });
run(log).catch((error: unknown) => {
  const isConfig = isBifrostError(error, "invalid-environment");
  log.error("gateway did not start", { error: messageOf(error) });
  process.exit(isConfig ? EXIT_CONFIG : 1);
});
