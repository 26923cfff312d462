/** The production programs, as bundled: all functions in one process, the gateway in another. */
import path from "node:path";
import { ChildProgram } from "../child-program.ts";
import type { AssemblyContext } from "./context.ts";
import {
  functionsEnvironment,
  gatewayEnvironment,
  type ProgramEnvironment,
} from "./environment.ts";

export function startFunctions(context: AssemblyContext): ChildProgram {
  return program(context, "functions", functionsEnvironment(context));
}

export function startGateway(context: AssemblyContext): ChildProgram {
  return program(context, "gateway", gatewayEnvironment(context));
}

function program(context: AssemblyContext, name: string, env: ProgramEnvironment): ChildProgram {
  return new ChildProgram({
    name,
    script: path.join(context.root, "dist", `${name}.mjs`),
    nodeArguments: ["--enable-source-maps"],
    env,
    logFile: path.join(context.config.home, "logs", `${name}.log`),
    timers: context.timers,
    log: context.log,
  });
}
