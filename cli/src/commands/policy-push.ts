/** `bifrost policies push | test`: a new version, checked by a gateway before anything uses it. */
import type { PolicyVersionView } from "@bifrost/shared/api/policies";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { POLICY_KINDS, type PolicyKind } from "@bifrost/shared/domain/policy";
import { awaitVerdict, printVerdict } from "../await-verdict.ts";
import type { CommandContext } from "../context.ts";
import { EXIT } from "../exit-code.ts";
import { readPolicyFile } from "../policy-file.ts";
import type { CommandSpec } from "./command.ts";

const VERDICT_TIMEOUT_MS = 90_000;

const OPTIONS: NonNullable<CommandSpec["options"]> = [
  ["--test <file>", "its unit tests; by default <name>_test.lua beside it"],
  ["--name <name>", "the policy's name; by default the file's"],
  ["--kind <kind>", "request or alert (default request)"],
  ["--platform", "a policy of the platform instead of your team's"],
];

export const pushPolicy: CommandSpec = {
  usage: "push <file>",
  description: "push a new version and wait for its check",
  example: "bifrost policies push our-limits.lua --activate",
  options: [...OPTIONS, ["--activate", "put it in service if it passes"]],
  async run(context, [file = ""], options) {
    const { client, output } = context;
    const { name, version } = await pushAndCheck(context, file, options);
    if (version.verdict !== "passed" || options["activate"] !== true) {
      output.data({ policy: name, version, activated: false });
      if (version.verdict === "passed")
        output.note(`To use it: bifrost policies activate ${name} ${version.version}`);
      return exitOf(version);
    }
    await client.activatePolicy(name, version.version);
    output.data({ policy: name, version, activated: true });
    output.line(`${name}: version ${version.version} is in service.`);
    return EXIT.ok;
  },
};

export const testPolicy: CommandSpec = {
  usage: "test <file>",
  description: "compile a policy, run its tests and try it on recorded requests; nothing uses it",
  example: "bifrost policies test our-limits.lua",
  options: OPTIONS,
  async run(context, [file = ""], options) {
    const { name, version } = await pushAndCheck(context, file, options);
    context.output.data({ policy: name, version });
    return exitOf(version);
  },
};

async function pushAndCheck(
  { client, output, folder }: CommandContext,
  file: string,
  options: Readonly<Record<string, unknown>>,
): Promise<{ name: string; version: PolicyVersionView }> {
  const { test: testOption, name: nameOption } = options;
  const { name, source, test, testFile } = readPolicyFile(folder, file, {
    ...(typeof testOption === "string" ? { test: testOption } : {}),
    ...(typeof nameOption === "string" ? { name: nameOption } : {}),
  });
  const pushed = await client.pushPolicy({
    name,
    source,
    kind: kindOf(options["kind"]),
    scope: options["platform"] === true ? "platform" : "team",
    ...(test === null ? {} : { test }),
  });
  const { version } = pushed.version;
  output.line(`Version ${version} of ${name}${testFile === null ? ", without tests" : ""}`);
  const checked = await awaitVerdict({
    client,
    output,
    name,
    version: pushed.version,
    timeoutMs: VERDICT_TIMEOUT_MS,
  });
  printVerdict(output, name, checked);
  return { name, version: checked };
}

function kindOf(option: unknown): PolicyKind {
  const kind = POLICY_KINDS.find((one) => one === (option ?? "request"));
  if (kind !== undefined) return kind;
  throw new BifrostError(
    "bad-request",
    `--kind ${String(option)}: it is one of ${POLICY_KINDS.join(", ")}`,
  );
}

function exitOf({ verdict }: PolicyVersionView): number {
  if (verdict === "pending") return EXIT.timedOut;
  return verdict === "passed" ? EXIT.ok : EXIT.error;
}
