/** Starts the whole platform and stops it again: stand-ins in this process, production programs as children. */
import { mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import { addressesFrom, assertFree } from "./addresses.ts";
import { startApps } from "./assemble/apps.ts";
import { startBuilds } from "./assemble/builds.ts";
import type { AssemblyContext } from "./assemble/context.ts";
import { startControlPlane } from "./assemble/control-plane.ts";
import { startMessages } from "./assemble/messages.ts";
import { startFunctions, startGateway } from "./assemble/programs.ts";
import { type Keep, startTrust } from "./assemble/trust.ts";
import type { ChildProgram } from "./child-program.ts";
import type { LocalConfig } from "./config.ts";
import { detectSandbox } from "./sandbox/detect-sandbox.ts";
import type { Sandbox, SandboxLevel } from "./sandbox/sandbox.ts";
import { loadSecrets } from "./secrets.ts";
import { StopList } from "./stop-list.ts";
import { writeCredentials } from "./write-credentials.ts";

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
  await assertFree(addresses);
  const secrets = loadSecrets(config.home);
  const context: AssemblyContext = { root, config, addresses, secrets, timers, log };
  const stops = new StopList(log);
  try {
    return await assemble(context, stops);
  } catch (error) {
    await stops.stopAll();
    throw error;
  }
}

async function assemble(context: AssemblyContext, stops: StopList): Promise<Platform> {
  const keep: Keep = (part) => stops.keep(part);
  const functions = keep(startFunctions(context)); // the slowest to load: it starts while all else does
  const sandbox = await startSandbox(context);
  keep({ stop: () => sandbox.close() });
  const trust = await startTrust(context, keep);
  const messages = await startMessages(context, trust, readRules(context.root), keep);
  const builds = await startBuilds(context, { ...messages, sandbox }, keep);
  const control = await startControlPlane(context, { ...trust, ...messages }, keep);
  const apps = await startApps(context, { ...messages, sandbox }, keep);
  const gateway = keep(startGateway(context));
  await Promise.all([functions.ready, gateway.ready]);
  writeCredentials(context);
  control.begin();
  const products = [trust, messages, builds, control, apps].flatMap((part) => part.products);
  return {
    context,
    sandboxLevel: sandbox.level,
    info: () => ({
      ...Object.fromEntries(products.map((product) => [product.product, product.info()])),
      programs: describePrograms({ functions, gateway }),
    }),
    stop: () => stops.stopAll(),
  };
}

/** Throws `missing-tool` when bwrap is demanded and not to be had. */
async function startSandbox({ config, log, timers }: AssemblyContext): Promise<Sandbox> {
  const sandbox = await detectSandbox({ log, timers, stateDir: path.join(config.home, "sandbox") });
  if (!config.requireBwrap || sandbox.level.startsWith("bwrap")) return sandbox;
  await sandbox.close();
  throw new BifrostError(
    "missing-tool",
    `bwrap is demanded and does not work here (${sandbox.level} does); install bubblewrap`,
    { level: sandbox.level },
  );
}

function readRules(root: string): string {
  return readFileSync(path.join(root, "firestore.rules"), "utf8");
}

function describePrograms(
  programs: Readonly<Record<string, ChildProgram>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(programs).map(([name, program]) => [name, program.pid ?? null]),
  );
}
