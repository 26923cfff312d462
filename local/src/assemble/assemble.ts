/** Puts the platform together: stand-ins in this process, the production programs beside it. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { ChildProgram } from "../child-program.ts";
import type { GatewayPorts } from "../gateways.ts";
import type { Platform } from "../platform.ts";
import { detectSandbox } from "../sandbox/detect-sandbox.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import type { StopList } from "../stop-list.ts";
import { writeCredentials } from "../write-credentials.ts";
import { startApps } from "./apps.ts";
import { startBuilds } from "./builds.ts";
import { writeClusterFiles } from "./cluster-files.ts";
import type { AssemblyContext } from "./context.ts";
import { startControlPlane } from "./control-plane.ts";
import { type DatabaseFiles, startMessages } from "./messages.ts";
import { startGateway } from "./programs.ts";
import { type Keep, startTrust } from "./trust.ts";

export interface AssemblyParts {
  /** Started by the caller: the slowest program to load. */
  readonly functions: ChildProgram;
  readonly stops: StopList;
}

/** Every part is on the stop list as soon as it runs; a part that fails leaves the rest to the caller to stop. */
export async function assemble(context: AssemblyContext, parts: AssemblyParts): Promise<Platform> {
  const { functions, stops } = parts;
  const keep: Keep = (part) => stops.keep(part);
  const sandbox = await startSandbox(context);
  keep({ stop: () => sandbox.close() });
  const trust = await startTrust(context, keep);
  const messages = await startMessages(context, trust, readDatabaseFiles(context.root), keep);
  const builds = await startBuilds(context, { ...trust, ...messages, sandbox }, keep);
  const apps = await startApps(context, { ...messages, sandbox }, keep);
  const gateways = startGateways(context, keep);
  const control = await startControlPlane(context, { ...trust, ...messages }, keep);
  await Promise.all([functions.ready, ...gateways.map(({ routing }) => routing)]);
  writeCredentials(context);
  control.begin();
  const products = [trust, messages, builds, control, apps].flatMap((part) => part.products);
  return {
    context,
    sandboxLevel: sandbox.level,
    info: () => ({
      ...Object.fromEntries(products.map((product) => [product.product, product.info()])),
      programs: describePrograms([
        ["functions", functions],
        ...gateways.map(({ name, program }) => [name, program] as const),
      ]),
    }),
    stop: () => stops.stopAll(),
  };
}

const ROUTING_POLL_MS = 25;
/** A gateway that knows its routes only later is no reason not to start: it says `starting` meanwhile. */
const ROUTING_PATIENCE_MS = 5_000;

/** They are stopped together: each waits for what it has under way. */
function startGateways(context: AssemblyContext, keep: Keep) {
  if (context.gateways.length > 1) writeClusterFiles(context);
  const gateways = context.gateways.map((ports) => {
    const program = startGateway(context, ports);
    const routing = program.ready.then(() => untilRouting(context, ports));
    routing.catch(() => {}); // whoever waits for it sees the error
    return { name: ports.name, program, routing };
  });
  keep({
    async stop() {
      await Promise.all(gateways.map(({ program }) => program.stop()));
    },
  });
  return gateways;
}

/** The gateway listens before it has read its routes; ready means that it serves them. */
async function untilRouting(context: AssemblyContext, { control }: GatewayPorts): Promise<void> {
  const { timers } = context;
  const end = timers.now() + ROUTING_PATIENCE_MS;
  while (timers.now() < end) {
    const answer = await fetch(`http://127.0.0.1:${control}/ready`).catch(() => null);
    await answer?.body?.cancel();
    if (answer?.ok === true) return;
    await timers.sleep(ROUTING_POLL_MS);
  }
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

function readDatabaseFiles(root: string): DatabaseFiles {
  const read = (name: string): string => readFileSync(path.join(root, name), "utf8");
  return { rules: read("firestore.rules"), indexes: read("firestore.indexes.json") };
}

function describePrograms(
  programs: readonly (readonly [string, ChildProgram])[],
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(programs.map(([name, program]) => [name, program.pid ?? null]));
}
