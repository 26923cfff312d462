/** `bifrost deployments`: what was deployed, newest first. */
import { EXIT } from "../exit-code.ts";
import type { CommandSpec } from "./command.ts";

export const deployments: CommandSpec = {
  usage: "deployments",
  description: "list the project's deployments, newest first",
  example: "bifrost deployments --limit 5",
  options: [["--limit <n>", "how many, at most 100 (default 20)"]],
  async run(context, _args, options) {
    const { client, output } = context;
    const limit = Math.max(1, Math.min(Number(options["limit"] ?? 20) || 20, 100));
    const project = await context.project();
    const list = await client.deployments(project.id, { limit });
    output.data({ items: list });
    output.table(
      ["number", "state", "commit", "trigger", "created", "id"],
      list.map((one) => [
        one.id === project.liveDeploymentId ? `${one.number} (live)` : String(one.number),
        output.paint.state(one.state),
        one.commit.sha.slice(0, 7),
        one.trigger,
        one.createdAt,
        one.id,
      ]),
    );
    if (list.length === 0) output.note("Nothing was deployed yet; run `bifrost deploy`.");
    return EXIT.ok;
  },
};
