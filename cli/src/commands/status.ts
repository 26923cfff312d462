/** `bifrost status`: the project's live release and its newest deployment. */
import type { DeploymentView } from "@bifrost/shared/api/schemas";
import { STATES } from "@bifrost/shared/domain/lifecycle";
import { EXIT } from "../exit-code.ts";
import { printEnd } from "../follow.ts";
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
    output.data({ project, deployment, transitions, origin });
    const live = project.liveNumber === 0 ? "nothing yet" : `deployment ${project.liveNumber}`;
    output.line(`${output.paint.bold(project.slug)}  ${project.url}  live: ${live}`);
    output.line();
    output.line(
      `Deployment ${deployment.number} (${deployment.id}) is ${output.paint.state(deployment.state)}`,
    );
    output.line(`  ${STATES[deployment.state].meaning}`);
    output.line(
      `  commit ${deployment.commit.sha.slice(0, 7)} ${deployment.commit.message.split("\n")[0] ?? ""}`,
    );
    if (origin !== null) output.line(`  ${originWords(trigger, origin.number)}`);
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
    if (deployment.failure !== null) printEnd(output, deployment);
    return EXIT.ok;
  },
};

/** The platform's own decision reads unlike a person's. */
function originWords(trigger: DeploymentView["trigger"], number: number): string {
  return trigger === "restore"
    ? `restores deployment ${number}, because the release after it failed in its watch window`
    : `rolls back to deployment ${number}`;
}
