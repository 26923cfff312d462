/** `bifrost`: the platform from the command line. */
import { Command, CommanderError } from "commander";
import { isBifrostError, messageOf } from "@bifrost/shared/domain/errors";
import type { CommandSpec } from "./commands/command.ts";
import { cancel, retry, rollback } from "./commands/act.ts";
import { clusterDiagnose } from "./commands/cluster-diagnose.ts";
import { rotateKeys } from "./commands/cluster-keys.ts";
import { clusterNodes, clusterStatus } from "./commands/cluster-status.ts";
import { deploy } from "./commands/deploy.ts";
import { deployments } from "./commands/deployments.ts";
import { init } from "./commands/init.ts";
import { logs } from "./commands/logs.ts";
import { open } from "./commands/open.ts";
import { canary } from "./commands/canary.ts";
import { addDomain, listDomains, removeDomain, verifyDomain } from "./commands/domains.ts";
import {
  activatePolicy,
  deletePolicy,
  listPolicies,
  revertPolicy,
  showPolicy,
} from "./commands/policies.ts";
import { attachedPolicies, attachPolicy, detachPolicy } from "./commands/policy-attach.ts";
import { policyLogs } from "./commands/policy-logs.ts";
import { pushPolicy, testPolicy } from "./commands/policy-push.ts";
import { createProject, deleteProject, listProjects } from "./commands/projects.ts";
import {
  listRoutes,
  redirectRoute,
  removeRoute,
  routePath,
  setRoute,
  showRoute,
} from "./commands/routes.ts";
import { status } from "./commands/status.ts";
import { validate } from "./commands/validate.ts";
import { readEnvironment } from "./config.ts";
import { CommandContext, type GlobalOptions } from "./context.ts";
import { EXIT, exitCodeOf } from "./exit-code.ts";
import { createOutput, isClosedPipe } from "./output.ts";

const COMMANDS = [
  init,
  deploy,
  status,
  logs,
  deployments,
  rollback,
  canary,
  retry,
  cancel,
  open,
  validate,
];
interface Group {
  readonly name: string;
  readonly description: string;
  readonly commands: readonly CommandSpec[];
  readonly groups?: readonly Group[];
}
const GROUPS: readonly Group[] = [
  {
    name: "projects",
    description: "list, create and delete projects",
    commands: [listProjects, createProject, deleteProject],
  },
  {
    name: "policies",
    description: "Lua policies: push, test, activate, attach, revert",
    commands: [
      listPolicies,
      showPolicy,
      pushPolicy,
      testPolicy,
      activatePolicy,
      revertPolicy,
      policyLogs,
      attachPolicy,
      detachPolicy,
      attachedPolicies,
      deletePolicy,
    ],
  },
  {
    name: "routes",
    description: "which release, redirect and paths each host of a project has",
    commands: [listRoutes, showRoute, setRoute, redirectRoute, routePath, removeRoute],
  },
  {
    name: "domains",
    description: "serve a project under domains of your own",
    commands: [listDomains, addDomain, verifyDomain, removeDomain],
  },
  {
    name: "cluster",
    description: "the gateways as one cluster: status, nodes, what is wrong, keys",
    commands: [clusterStatus, clusterNodes, clusterDiagnose],
    groups: [{ name: "keys", description: "the keys that seal gossip", commands: [rotateKeys] }],
  },
];

const environment = readEnvironment();

// `bifrost logs | head` has read enough: that is no error of anybody.
for (const stream of [process.stdout, process.stderr])
  stream.on("error", (error) => {
    if (!isClosedPipe(error)) throw error;
    process.exit();
  });

function register(parent: Command, spec: CommandSpec): void {
  const command = parent.command(spec.usage).description(spec.description).exitOverride();
  for (const [flags, description] of spec.options ?? []) command.option(flags, description);
  withGlobals(command).addHelpText("after", `\nExample:\n  ${spec.example}`);
  command.action(async (...all: unknown[]) => {
    const args = all.slice(0, -2).map((arg) => (typeof arg === "string" ? arg : undefined));
    const options = command.opts<GlobalOptions & Record<string, unknown>>();
    const output = createOutput({ json: options.json === true, color: environment.color });
    const context = new CommandContext(output, environment, options);
    process.exitCode = await spec.run(context, args, options);
  });
}

function registerGroup(parent: Command, { name, description, commands, groups = [] }: Group): void {
  const group = parent.command(name).description(description).exitOverride();
  for (const spec of commands) register(group, spec);
  for (const inner of groups) registerGroup(group, inner);
}

function withGlobals(command: Command): Command {
  return command
    .option("--json", "print JSON, one value a line")
    .option("-p, --project <slug>", "the project; default: named by deploy.toml here or above")
    .option("-C, --dir <folder>", "act as if started in this folder");
}

const program = new Command("bifrost")
  .description("From git push to a healthy URL.")
  .exitOverride()
  .addHelpText("after", "\nExample:\n  cd my-app && bifrost init && bifrost deploy");
for (const spec of COMMANDS) register(program, spec);
for (const group of GROUPS) registerGroup(program, group);

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage; // it has spoken already
  const asJson = process.argv.includes("--json");
  const code = isBifrostError(error) ? error.code : "internal";
  if (asJson)
    process.stdout.write(`${JSON.stringify({ error: { code, message: messageOf(error) } })}\n`);
  else process.stderr.write(`bifrost: ${messageOf(error)}\n`);
  return exitCodeOf(error);
}
