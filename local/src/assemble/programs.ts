/** The production programs, as bundled: all functions in one process, the gateway in another. */
import path from "node:path";
import { ChildProgram } from "../child-program.ts";
import type { GatewayPorts } from "../gateways.ts";
import type { AssemblyContext } from "./context.ts";
import {
  functionsEnvironment,
  gatewayEnvironment,
  type ProgramEnvironment,
} from "./environment.ts";

export function startFunctions(context: AssemblyContext): ChildProgram {
  const env = functionsEnvironment(context);
  return program(context, { name: "functions", script: "functions", env: () => env });
}

export function startGateway(context: AssemblyContext, gateway: GatewayPorts): ChildProgram {
  const env = () => gatewayEnvironment(context, gateway);
  return program(context, { name: gateway.name, script: "gateway", env });
}

interface Program {
  readonly name: string;
  readonly script: string;
  readonly env: () => ProgramEnvironment;
}

function program(context: AssemblyContext, { name, script, env }: Program): ChildProgram {
  return new ChildProgram({
    name,
    script: path.join(context.root, "dist", `${script}.mjs`),
    nodeArguments: ["--enable-source-maps"],
    env,
    logFile: path.join(context.config.home, "logs", `${name}.log`),
    timers: context.timers,
    log: context.log,
  });
}
