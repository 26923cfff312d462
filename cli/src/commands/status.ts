/** `bifrost status`: the project's live release and its newest deployment. */
import type { DeploymentView } from "@bifrost/shared/api/schemas";
import { STATES } from "@bifrost/shared/domain/lifecycle";
import type { CommandContext } from "../context.ts";
import { liveWords, printFailure, readLive } from "../ending.ts";
import { EXIT } from "../exit-code.ts";
import type { CommandSpec } from "./command.ts";

export const status: CommandSpec = {
  usage: "status [deployment]",
  description: "show the live release and the newest deployment, or one deployment by number or id",
  example: "bifrost status 3",
  async run(context, [key]) {
    const { output, client } = context;
    const deployment = await context.deployment(key);
    const transitions = await client.transitions(deployment.id);
    const project = await client.project(deployment.projectId);
    const { trigger, rollbackOf } = deployment;
    const origin = rollbackOf === null ? null : await client.deployment(rollbackOf);
    const live = await readLive(client, project);
    output.data({ project, deployment, transitions, origin, live });
    output.line(`${output.paint.bold(project.slug)}  ${project.url}  live: ${liveWords(live)}`);
    output.line();
    output.line(
      `Deployment ${deployment.number} (${deployment.id}) is ${output.paint.state(deployment.state)}`,
    );
    output.line(`  ${STATES[deployment.state].meaning}`);
    output.line(
      `  commit ${deployment.commit.sha.slice(0, 7)} ${deployment.commit.message.split("\n")[0] ?? ""}`,
    );
    if (origin !== null) {
      const failed = trigger === "restore" ? await undoneBy(context, deployment) : undefined;
      output.line(`  ${originWords(trigger, origin.number, failed)}`);
    }
    output.line();
    output.table(
      ["state", "at", "by", "attempt"],
      transitions.map(({ to, at, by, attempt }) => [
        output.paint.state(to),
        at,
        by,
        String(attempt),
      ]),
    );
    printFailure(output, deployment);
    return EXIT.ok;
  },
};

/** The platform's own decision reads unlike a person's. */
function originWords(
  trigger: DeploymentView["trigger"],
  number: number,
  failed: number | undefined,
): string {
  if (trigger !== "restore") return `rolls back to deployment ${number}`;
  const words = `restores deployment ${number}, because the release after it failed in its watch window`;
  return failed === undefined ? words : `${words}: \`bifrost status ${failed}\` says why`;
}

/** The release whose failure a restoring deployment answers; undefined when it has been retried since. */
async function undoneBy(
  { client }: CommandContext,
  restore: DeploymentView,
): Promise<number | undefined> {
  const recent = await client.deployments(restore.projectId, { limit: 100 });
  const isUndone = ({ number, failure }: DeploymentView) =>
    number < restore.number && failure?.code === "unhealthy-after-release";
  return recent.find(isUndone)?.number;
}
