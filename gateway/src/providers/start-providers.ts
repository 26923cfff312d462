/** Calls of AI providers in this gateway: the server, its limits, and what was used. */
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import { type ChargingLimiter, ProviderLimits } from "./provider-limits.ts";
import type { ProviderConfig } from "./provider-config.ts";
import { startProviderServer } from "./provider-server.ts";
import { UsageTable } from "./usage-table.ts";

export interface ProvidersOptions {
  readonly host: string;
  readonly port: number;
  readonly providers: readonly ProviderConfig[];
  /** Value of an environment variable. */
  readonly keyIn: (variable: string) => string | undefined;
  /** The tokens of projects are made with it. */
  readonly secret: string;
  readonly limiter: ChargingLimiter;
  readonly timers: Timers;
  readonly log: Logger;
}

export interface RunningProviders {
  readonly port: number;
  readonly usage: UsageTable;
  stop(graceMs: number): Promise<void>;
}

/** Rejects with `invalid-environment` when a key is missing. */
export async function startProviders(options: ProvidersOptions): Promise<RunningProviders> {
  const { providers, keyIn, limiter } = options;
  const keys = new Map(
    providers.map(({ name, keyVariable }) => [name, keyIn(keyVariable) ?? ""] as const),
  );
  const missing = providers.filter(({ name }) => keys.get(name) === "");
  if (missing.length > 0) {
    const names = missing.map(({ name, keyVariable }) => `${keyVariable} (of ${name})`);
    const detail = `The keys of AI providers are not set: ${names.join(", ")}; set them, or remove those providers from the file that BIFROST_CONFIG names.`;
    throw new BifrostError("invalid-environment", detail);
  }
  const usage = new UsageTable();
  const limits = new ProviderLimits(limiter);
  const server = await startProviderServer({ ...options, keys, limits, usage });
  return { port: server.port, usage, stop: (graceMs) => server.stop(graceMs) };
}
