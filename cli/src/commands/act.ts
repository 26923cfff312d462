/** `bifrost rollback | retry | cancel`: starts the change and follows it to its end. */
import type { DeploymentView } from "@bifrost/shared/api/schemas";
import type { CommandContext } from "../context.ts";
import { EXIT } from "../exit-code.ts";
import { follow } from "../follow.ts";
import { onInterrupt } from "../interrupt.ts";
import type { CommandSpec } from "./command.ts";

const NO_WAIT = [["--no-wait", "do not follow"]] as const;

export const rollback: CommandSpec = {
  usage: "rollback [to]",
  description:
    "go back to the release before the live one, or to one by number; nothing is rebuilt",
  example: "bifrost rollback 2",
  options: NO_WAIT,
  async run(context, [to], options) {
    const target = to !== undefined && /^#?\d+$/.test(to) ? Number(to.replace("#", "")) : to;
    const deployment = await context.client.rollBack(context.projectKey(), target);
    context.output.line(
      `Deployment ${deployment.number} rolls back to ${deployment.commit.sha.slice(0, 7)}`,
    );
    return followUnless(context, deployment, options);
  },
};

export const retry: CommandSpec = {
  usage: "retry [deployment]",
  description: "put a failed deployment back into the queue",
  example: "bifrost retry",
  options: NO_WAIT,
  async run(context, [key], options) {
    const deployment = await context.deployment(key);
    await context.client.act(deployment.id, "retry");
    context.output.line(`Deployment ${deployment.number} is tried again`);
    await untilChanged(context, deployment);
    return followUnless(context, deployment, options);
  },
};

export const cancel: CommandSpec = {
  usage: "cancel [deployment]",
  description: "stop a deployment: its build and its replicas end",
  example: "bifrost cancel 4",
  options: NO_WAIT,
  async run(context, [key], options) {
    const deployment = await context.deployment(key);
    await context.client.act(deployment.id, "cancel");
    context.output.line(`Deployment ${deployment.number} is being cancelled`);
    if (options["wait"] === false) return EXIT.ok;
    await followUnless(context, deployment, options);
    return EXIT.ok; // ending failed is what was asked for
  },
};

/** A retry is accepted before its workflow has moved the deployment: following starts once it has. */
async function untilChanged(context: CommandContext, before: DeploymentView): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (Date.now() < deadline) {
    const now = await context.client.deployment(before.id);
    if (now.attempt !== before.attempt) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function followUnless(
  context: CommandContext,
  deployment: DeploymentView,
  options: Readonly<Record<string, unknown>>,
): Promise<number> {
  const { client, output } = context;
  output.data({ kind: "accepted", deployment });
  if (options["wait"] === false) return Promise.resolve(EXIT.ok);
  const signal = onInterrupt(() => {
    output.note(`\nIt goes on without you. Look again with: bifrost logs -f ${deployment.id}`);
  });
  return follow({
    client,
    output,
    id: deployment.id,
    signal,
    beyondEnd: false,
    streams: ["build", "deploy"],
  });
}
