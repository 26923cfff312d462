/** The gateway: its parent over given tables, and its workers bundled as they are for production. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";
import { ROOT } from "../../../support/folders.ts";
import { type Contender, startPinned, supportFile } from "./contender.ts";
import type { GatewayArgument } from "./gateway-under-bench.ts";

/** Bundled by `npm run bench`. */
const WORKER = path.join(ROOT, "dist/gateway-worker.mjs");
const PROGRAM = path.join(ROOT, "dist/bench/gateway-under-bench.mjs");

export const OURS = "bifrost";

export async function bundledGateway(): Promise<Contender> {
  await build({
    absWorkingDir: ROOT,
    entryPoints: [supportFile("gateway-under-bench.ts")],
    outfile: PROGRAM,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    logLevel: "error",
    minifySyntax: true,
  });
  return {
    name: OURS,
    lacks: () => null,
    start(setting) {
      const { port, upstreams, policy, workers, hasAccessLog } = setting;
      const source = readFileSync(supportFile("gateway-policy.lua"), "utf8");
      const accessLog = hasAccessLog ? path.join(setting.folder, "access.log") : null;
      const argument: GatewayArgument = {
        port,
        upstreams,
        policy,
        workers,
        source,
        accessLog,
        workerScript: WORKER,
      };
      const argv = [process.execPath, PROGRAM, JSON.stringify(argument)];
      return startPinned({ ...setting, argv });
    },
  };
}
