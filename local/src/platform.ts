/** Starts the whole platform and stops it again: stand-ins in this process, production programs as children. */
import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import { addressesFrom, assertFree } from "./addresses.ts";
import { startApps } from "./assemble/apps.ts";
import { startBuilds } from "./assemble/builds.ts";
import type { AssemblyContext } from "./assemble/context.ts";
import { startControlPlane } from "./assemble/control-plane.ts";
import { startFunctions, startGateway } from "./assemble/programs.ts";
import { startTrust } from "./assemble/trust.ts";
import type { ChildProgram } from "./child-program.ts";
import type { LocalConfig } from "./config.ts";
import { detectSandbox } from "./sandbox/detect-sandbox.ts";
import type { SandboxLevel } from "./sandbox/sandbox.ts";
import { loadSecrets } from "./secrets.ts";
import { writeCredentials } from "./write-credentials.ts";

export interface Platform {
  readonly context: AssemblyContext;
  readonly sandboxLevel: SandboxLevel;
  /** Facts of every stand-in, by product. */
  info(): Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  stop(): Promise<void>;
}

/** Anything that is started and must be stopped in reverse order. */
export interface Stoppable {
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
  await assertFree(addresses);
  const context: AssemblyContext = {
    root,
    config,
    addresses,
    secrets: loadSecrets(config.home),
    timers,
    log,
  };
  const started: Stoppable[] = [];
  const keep = <T extends Stoppable>(part: T): T => {
    started.push(part);
    return part;
  };
  const stop = async () => {
    for (const part of started.splice(0).toReversed()) {
      await part
        .stop()
        .catch((error: unknown) => log.error("part did not stop cleanly", { error }));
    }
  };
  try {
    const functions = keep(startFunctions(context)); // the slowest to load: it starts while all else does
    const sandbox = await detectSandbox({
      log,
      timers,
      stateDir: path.join(config.home, "sandbox"),
    });
    keep({ stop: () => sandbox.close() });
    const trust = await startTrust(context, keep);
    const builds = await startBuilds(context, { ...trust, sandbox, rules: readRules(root) }, keep);
    const control = await startControlPlane(context, { ...trust, ...builds }, keep);
    const apps = await startApps(context, { sandbox, logging: builds.logging }, keep);
    const gateway = keep(startGateway(context));
    await Promise.all([functions.ready, gateway.ready]);
    writeCredentials(context);
    control.begin();
    const products = [...trust.products, ...builds.products, ...control.products, ...apps.products];
    return {
      context,
      sandboxLevel: sandbox.level,
      info: () => ({
        ...Object.fromEntries(products.map((product) => [product.product, product.info()])),
        programs: describePrograms({ functions, gateway }),
      }),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function readRules(root: string): string {
  return readFileSync(path.join(root, "firestore.rules"), "utf8");
}

function describePrograms(
  programs: Readonly<Record<string, ChildProgram>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(programs).map(([name, program]) => [name, program.pid() ?? null]),
  );
}
