/** The gateway's data plane, bundled as it is for production and in a process of its own. */
import { readFileSync } from "node:fs";
import path from "node:path";
import { build } from "esbuild";
import { ROOT } from "../../../support/folders.ts";
import { type Contender, startPinned, supportFile } from "./contender.ts";
import type { GatewayArgument } from "./gateway-under-bench.ts";

/** Beside the programs, where what is not bundled is found in node_modules. */
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
    external: ["wasmoon"],
  });
  return {
    name: OURS,
    lacks({ workers, hasAccessLog }) {
      if (workers > 1) return "the gateway has no workers yet";
      return hasAccessLog ? "the gateway has no access log yet" : null;
    },
    start(setting) {
      const { port, upstreams, policy } = setting;
      const source = readFileSync(supportFile("gateway-policy.lua"), "utf8");
      const argument: GatewayArgument = { port, upstreams, policy, source };
      const argv = [process.execPath, PROGRAM, JSON.stringify(argument)];
      return startPinned({ ...setting, argv });
    },
  };
}
