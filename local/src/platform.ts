/** Starts the whole platform and stops it again: stand-ins in this process, production programs as children. */
import { mkdirSync } from "node:fs";
import path from "node:path";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import { addressesFrom, assertFree } from "./addresses.ts";
import type { AssemblyContext } from "./assemble/context.ts";
import { startFunctions } from "./assemble/programs.ts";
import type { LocalConfig } from "./config.ts";
import type { SandboxLevel } from "./sandbox/sandbox.ts";
import { gatewaysFrom } from "./gateways.ts";
import { loadSecrets } from "./secrets.ts";
import { StopList } from "./stop-list.ts";

export interface Platform {
  readonly context: AssemblyContext;
  readonly sandboxLevel: SandboxLevel;
  /** Facts of every stand-in, by product. */
  info(): Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  stop(): Promise<void>;
}

export interface PlatformOptions {
  /** The checkout: bundles, rules and workflow files lie there. */
  readonly root: string;
  readonly config: LocalConfig;
  readonly timers: Timers;
  readonly log: Logger;
}

export async function startPlatform(options: PlatformOptions): Promise<Platform> {
  const { config, timers, log, root } = options;
  mkdirSync(path.join(config.home, "logs"), { recursive: true, mode: 0o700 });
  const addresses = addressesFrom(config.basePort);
  const gateways = gatewaysFrom(addresses, config.gateways);
  await assertFree(addresses, gateways);
  const secrets = loadSecrets(config.home);
  const context: AssemblyContext = { root, config, addresses, gateways, secrets, timers, log };
  const stops = new StopList(log);
  try {
    // Its code loads on the other core while the stand-ins' code, which is as much, loads here.
    const functions = stops.keep(startFunctions(context));
    const { assemble } = await import("./assemble/assemble.ts");
    return await assemble(context, { functions, stops });
  } catch (error) {
    await stops.stopAll();
    throw error;
  }
}
