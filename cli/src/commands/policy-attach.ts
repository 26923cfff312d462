/** `bifrost policies attach | detach | attached`: where policies run, and in what order. */
import { BifrostError, isBifrostError } from "@bifrost/shared/domain/errors";
import { type PolicyAttachment, STANDARD_PREFIX } from "@bifrost/shared/domain/policy";
import type { CommandContext } from "../context.ts";
import { EXIT } from "../exit-code.ts";
import type { Output } from "../output.ts";
import { parseSettings } from "../policy-settings.ts";
import type { CommandSpec } from "./command.ts";

type Options = Readonly<Record<string, unknown>>;

const PLATFORM: readonly [string, string] = ["--platform", "on every host of the platform"];
/** Somebody else may attach something between reading and writing. */
const TRIES = 4;

export const attachPolicy: CommandSpec = {
  usage: "attach <policy>",
  description: "run a policy on every host of the project; again to change settings or position",
  example: "bifrost policies attach standard/rate-limit --set rate=10 burst=20",
  options: [
    PLATFORM,
    ["--set <key=value...>", 'settings: numbers, true, false, ["lists"] or text'],
    ["--position <n>", "1 = runs first; by default it stays where it is, or runs last"],
  ],
  async run(context, [policy = ""], options) {
    const attachment = { policy, config: parseSettings(settingsOf(options["set"])) };
    const position = positionOf(options["position"]);
    const code = await change(context, options, (before) => placed(before, attachment, position));
    if (!policy.startsWith(STANDARD_PREFIX) && Object.keys(attachment.config).length > 0)
      context.output.note(
        `Whether it takes these settings shows with the first request: bifrost policies logs ${policy}`,
      );
    return code;
  },
};

export const detachPolicy: CommandSpec = {
  usage: "detach <policy>",
  description: "no longer run a policy on the hosts of the project",
  example: "bifrost policies detach standard/rate-limit",
  options: [PLATFORM],
  async run(context, [policy = ""], options) {
    return change(context, options, (before) => {
      const after = before.filter((one) => one.policy !== policy);
      if (after.length < before.length) return after;
      const names = before.map((one) => one.policy);
      const found = names.length === 0 ? "nothing is" : `attached there: ${names.join(", ")}`;
      throw new BifrostError("not-found", `${policy} is not attached there; ${found}`, { policy });
    });
  },
};

export const attachedPolicies: CommandSpec = {
  usage: "attached",
  description: "list what runs on the hosts of the project, in order",
  example: "bifrost policies attached --project shop",
  options: [PLATFORM],
  async run(context, _args, options) {
    const { policies } = await context.client.attachedPolicies(placeOf(context, options));
    show(context.output, policies);
    return EXIT.ok;
  },
};

async function change(
  context: CommandContext,
  options: Options,
  decide: (before: readonly PolicyAttachment[]) => readonly PolicyAttachment[],
): Promise<number> {
  const { client, output } = context;
  const place = placeOf(context, options);
  for (let tries = 1; ; tries++) {
    const { policies, tag } = await client.attachedPolicies(place);
    try {
      show(output, await client.attachPolicies(place, decide(policies), tag));
      return EXIT.ok;
    } catch (error) {
      const isOvertaken =
        isBifrostError(error, "precondition-failed") || isBifrostError(error, "write-conflict");
      if (!isOvertaken || tries === TRIES) throw error;
    }
  }
}

/** In place of the one before, which keeps its place unless another is asked for. */
export function placed(
  before: readonly PolicyAttachment[],
  attachment: PolicyAttachment,
  position: number | null,
): readonly PolicyAttachment[] {
  const others = before.filter(({ policy }) => policy !== attachment.policy);
  const old = before.findIndex(({ policy }) => policy === attachment.policy);
  const at = position === null ? (old < 0 ? others.length : old) : position - 1;
  return others.toSpliced(at, 0, attachment);
}

function placeOf(context: CommandContext, options: Options): string | null {
  return options["platform"] === true ? null : context.projectKey();
}

function settingsOf(option: unknown): readonly string[] {
  return Array.isArray(option) ? option.map(String) : [];
}

function positionOf(option: unknown): number | null {
  if (option === undefined) return null;
  const position = Number(option);
  if (Number.isInteger(position) && position >= 1) return position;
  throw new BifrostError("bad-request", `--position ${JSON.stringify(option)}: it is 1, 2, 3 …`);
}

function show(output: Output, policies: readonly PolicyAttachment[]): void {
  output.data({ policies });
  if (policies.length === 0) return output.note("No policies are attached.");
  output.table(
    ["", "policy", "settings"],
    policies.map(({ policy, config }, at) => [
      String(at + 1),
      policy,
      Object.entries(config)
        .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
        .join(" "),
    ]),
  );
  return undefined;
}
