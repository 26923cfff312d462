/** `bifrost logs`: build and runtime lines of a deployment, once or as they come. */
import { EXIT } from "../exit-code.ts";
import { follow } from "../follow.ts";
import { onInterrupt } from "../interrupt.ts";
import type { CommandSpec } from "./command.ts";

const DEFAULT_CHUNKS = 200;

export const logs: CommandSpec = {
  usage: "logs [deployment]",
  description: "show the log of the newest deployment, or of one by number or id",
  example: "bifrost logs -f",
  options: [
    ["-f, --follow", "go on as new lines come"],
    ["--build", "build log only"],
    ["--runtime", "the app's own lines only"],
  ],
  async run(context, [key], options) {
    const { client, output } = context;
    const deployment = await context.deployment(key);
    const build = options["runtime"] !== true;
    const runtime = options["build"] !== true;
    if (options["follow"] === true) {
      return follow({
        client,
        output,
        id: deployment.id,
        signal: onInterrupt(() => {}),
        beyondEnd: true,
        streams: [
          ...(build ? (["build", "deploy"] as const) : []),
          ...(runtime ? (["runtime"] as const) : []),
        ],
      });
    }
    const chunks = [
      ...(build ? await client.logs(deployment.id, "build", DEFAULT_CHUNKS) : []),
      ...(runtime ? await client.logs(deployment.id, "runtime", DEFAULT_CHUNKS) : []),
    ];
    for (const chunk of chunks) {
      output.data(chunk);
      for (const line of chunk.lines) output.line(`${output.paint.dim(`${chunk.step} │`)} ${line}`);
    }
    if (chunks.length === 0)
      output.note(`Deployment ${deployment.number} has written nothing yet.`);
    return EXIT.ok;
  },
};
