/** What the terminal says once the platform serves: addresses, where data lies, what to try. */
import { addressOf, type AssemblyContext, REPOSITORY_OWNER } from "../assemble/context.ts";
import { domainOf } from "../assemble/environment.ts";
import type { Platform } from "../platform.ts";
import { shimPath } from "../write-credentials.ts";

export interface DemoResult {
  readonly slug: string;
  readonly state: string;
}

const ISOLATION: Readonly<Record<Platform["sandboxLevel"], string>> = {
  "bwrap+cgroup": "bwrap with cgroups: own processes and files, memory limits by the kernel",
  bwrap: "bwrap: own processes and files, memory limits by watching",
  unshare: "unshare: own processes; install bubblewrap for more",
  plain: "plain processes with limits; install bubblewrap for isolation",
};

export function describePlatform(
  platform: Platform,
  demo: DemoResult | null = null,
): { readonly oneLine: string; readonly text: string } {
  const { context, sandboxLevel } = platform;
  const api = `${addressOf(context, "functions")}/api/v1`;
  const domain = domainOf(context);
  const shim = shimPath(context.config.home);
  const gateway = addressOf(context, "gateway");
  const app =
    demo === null
      ? []
      : [
          `Sample app    http://${demo.slug}.${domain}  (${demo.state})`,
          `              curl -H 'Host: ${demo.slug}.${domain}' ${gateway}/`,
        ];
  const lines = [
    "",
    ...app,
    `Apps          http://<slug>.${domain}`,
    `API           ${api}`,
    `Git           ${addressOf(context, "git")}/${REPOSITORY_OWNER}/<name>.git`,
    ...describeGateways(context),
    `Data          ${context.config.home}`,
    `Isolation     ${ISOLATION[sandboxLevel]}`,
    `Command line  ${shim}`,
    "",
    "Try next, in a folder with an app of yours:",
    `  alias bifrost=${shim}`,
    "  bifrost init        # writes deploy.toml and adds the git remote `bifrost`",
    "  bifrost deploy      # shows every state and the build log until it is healthy",
    ...(context.gateways.length > 1 ? [CLUSTER_COMMAND] : []),
    "",
    "Ctrl-C stops everything; `npm start` continues; `npm run clean` deletes the data.",
    "",
  ];
  return {
    oneLine: `API ${api}, apps http://<slug>.${domain}, data ${context.config.home}`,
    text: lines.join("\n"),
  };
}

const CLUSTER_COMMAND =
  "  bifrost cluster status    # the gateways as one cluster; also: nodes, diagnose, keys rotate";

function describeGateways(context: AssemblyContext): readonly string[] {
  const control = `Gateway       ${addressOf(context, "control")}  (routes, policies, metrics: Bearer controlToken of secrets.json)`;
  if (context.gateways.length === 1) return [control];
  const each = context.gateways.map((gateway) =>
    [
      gateway.nodeId.padEnd(13),
      `http://127.0.0.1:${gateway.traffic}`,
      `control ${gateway.control}, gossip ${gateway.gossip}`,
    ].join(" "),
  );
  return [control, ...each];
}
