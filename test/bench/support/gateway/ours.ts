/** The gateway's data plane, bundled as it is for production and in a process of its own. */
import path from "node:path";
import { build } from "esbuild";
import { ROOT } from "../../../support/folders.ts";
import { type Contender, startPinned, supportFile } from "./contender.ts";

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
  });
  return {
    name: OURS,
    lacks({ policy, workers, hasAccessLog }) {
      if (policy !== "none") return "the gateway has no engine for policies yet";
      if (workers > 1) return "the gateway has no workers yet";
      return hasAccessLog ? "the gateway has no access log yet" : null;
    },
    start(setting) {
      const { port, upstreams } = setting;
      const argument = JSON.stringify({ port, upstreams });
      return startPinned({ ...setting, argv: [process.execPath, PROGRAM, argument] });
    },
  };
}
