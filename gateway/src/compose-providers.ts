/** Calls of AI providers: what the file says of them, the keys in the environment, and the limits that all processes share. */
import { systemTimers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import { processEnvironment, type GatewayConfig } from "./config.ts";
import type { LimitsHost } from "./limits/limit-messages.ts";
import type { ProviderConfig } from "./providers/provider-config.ts";
import type { RunningProviders } from "./providers/start-providers.ts";

/** Among the data planes, whose numbers begin with 0. */
const PLANE = -1;

export interface ProviderParts {
  readonly providers: readonly ProviderConfig[];
  readonly limits: LimitsHost;
  readonly log: Logger;
}

/** null = there are none; then nothing of it is loaded. */
export async function composeProviders(
  config: GatewayConfig,
  { providers, limits, log }: ProviderParts,
): Promise<RunningProviders | null> {
  if (providers.length === 0) return null;
  const [{ startProviders }, { PlaneLimits }] = await Promise.all([
    import("./providers/start-providers.ts"),
    import("./limits/plane-limits.ts"),
  ]);
  const environment = processEnvironment();
  const limiter = new PlaneLimits(systemTimers, (message) => limits.heard(PLANE, message));
  limits.join(PLANE, (message) => limiter.hear(message));
  return startProviders({
    host: config.providersHost,
    port: config.providersPort,
    providers,
    keyIn: (variable) => environment[variable],
    secret: config.telemetrySecret,
    limiter,
    timers: systemTimers,
    log,
  });
}
