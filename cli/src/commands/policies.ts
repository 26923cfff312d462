/** `bifrost policies list | show | activate | revert | delete`. */
import type { PolicyDetails, PolicyView } from "@bifrost/shared/api/policies";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { STANDARD_PREFIX } from "@bifrost/shared/domain/policy";
import { standardPolicy } from "@bifrost/shared/domain/standard-policies";
import { printVerdict } from "../await-verdict.ts";
import type { Client } from "../client.ts";
import { confirmed } from "../confirm.ts";
import { EXIT } from "../exit-code.ts";
import type { Output } from "../output.ts";
import { settingRows, settingViews } from "../setting-rows.ts";
import type { CommandSpec } from "./command.ts";

/** Lines of history that `show` prints; --json has all. */
const SHOWN_EVENTS = 10;
const SHOWN_VERSIONS = 10;

export const listPolicies: CommandSpec = {
  usage: "list",
  description: "list your policies and those that come with the platform",
  example: "bifrost policies list",
  async run({ client, output }) {
    const policies = await client.policies();
    output.data({ items: policies });
    output.table(
      ["policy", "whose", "kind", "in service", "newest", ""],
      policies.map((one) => [
        one.name,
        one.scope,
        one.kind,
        serviceOf(one),
        String(one.newestVersion ?? "-"),
        one.fault === null ? (one.about ?? "") : output.paint.red(one.fault),
      ]),
    );
    return EXIT.ok;
  },
};

export const showPolicy: CommandSpec = {
  usage: "show <policy>",
  description: "show a policy: its versions, what their checks found, and its history",
  example: "bifrost policies show our-limits",
  async run({ client, output }, [name = ""]) {
    if (name.startsWith(STANDARD_PREFIX)) return showStandard(client, output, name);
    const policy = await client.policy(name);
    output.data(policy);
    showVersions(output, policy);
    showHistory(output, policy);
    return EXIT.ok;
  },
};

export const activatePolicy: CommandSpec = {
  usage: "activate <policy> [version]",
  description: "put a version in service that has passed its check; the newest one by default",
  example: "bifrost policies activate our-limits 3",
  async run({ client, output }, [name = "", version]) {
    const number = version === undefined ? await newest(client, name) : versionNumber(version);
    const policy = await client.activatePolicy(name, number);
    output.data(policy);
    output.line(`${policy.name}: version ${number} is in service.`);
    return EXIT.ok;
  },
};

export const revertPolicy: CommandSpec = {
  usage: "revert <policy>",
  description: "go back to the version before, or out of service when there is none",
  example: "bifrost policies revert our-limits",
  async run({ client, output }, [name = ""]) {
    const policy = await client.revertPolicy(name);
    output.data(policy);
    output.line(
      policy.activeVersion === null
        ? `${policy.name} is out of service: requests pass without it.`
        : `${policy.name}: version ${policy.activeVersion} is in service again.`,
    );
    return EXIT.ok;
  },
};

export const deletePolicy: CommandSpec = {
  usage: "delete <policy>",
  description: "delete a policy that is attached nowhere, with its versions and its log",
  example: "bifrost policies delete our-limits --yes",
  options: [["--yes", "do not ask"]],
  async run({ client, output, environment }, [name = ""], options) {
    await client.policy(name);
    if (options["yes"] !== true) {
      await confirmed({
        what: name,
        consequence: "Its versions and its log go with it.",
        interactive: environment.interactive && !output.json,
      });
    }
    output.data(await client.deletePolicy(name));
    output.line(`Deleted ${name}.`);
    return EXIT.ok;
  },
};

function serviceOf({ scope, activeVersion }: PolicyView): string {
  if (scope === "standard") return "always";
  return activeVersion === null ? "none" : String(activeVersion);
}

async function showStandard(client: Client, output: Output, name: string): Promise<number> {
  const found = (await client.policies()).find((one) => one.name === name);
  if (found === undefined) {
    const message = `there is no policy ${name}; \`bifrost policies list\` shows all`;
    throw new BifrostError("not-found", message);
  }
  const { settings = {}, example = "" } = standardPolicy(name) ?? {};
  output.data({ ...found, settings: settingViews(settings) });
  output.line(`${output.paint.bold(found.name)} comes with the platform: ${found.about ?? ""}.`);
  output.line();
  output.table(["setting", "kind", "default", "allowed", ""], settingRows(settings));
  output.line();
  output.line(`bifrost policies attach ${name} ${example}`);
  return EXIT.ok;
}

function showVersions(output: Output, policy: PolicyDetails): void {
  const { paint } = output;
  const service = policy.activeVersion === null ? "no version" : `version ${policy.activeVersion}`;
  output.line(
    `${paint.bold(policy.name)}  ${policy.kind}, of the ${policy.scope}: ${service} in service`,
  );
  if (policy.fault !== null)
    output.line(paint.red(`Taken out of service by the gateway: ${policy.fault}`));
  output.line();
  output.table(
    ["version", "check", "pushed", "by", "bytes", "tests"],
    policy.versions
      .slice(0, SHOWN_VERSIONS)
      .map(({ version, verdict, createdAt, by, bytes, hasTest }) => [
        version === policy.activeVersion ? `${version} (in service)` : String(version),
        verdict === "failed" ? paint.red(verdict) : verdict,
        createdAt,
        by,
        String(bytes),
        hasTest ? "yes" : "no",
      ]),
  );
  const [last] = policy.versions;
  if (last === undefined) return;
  output.line();
  printVerdict(output, policy.name, last);
}

function showHistory(output: Output, { history }: PolicyDetails): void {
  output.line();
  output.table(
    ["when", "what", "version", "by", "why"],
    history
      .slice(-SHOWN_EVENTS)
      .map(({ at, what, version, by, why }) => [at, what, String(version), by, why ?? ""]),
  );
}

async function newest(client: Client, name: string): Promise<number> {
  const { newestVersion } = await client.policy(name);
  if (newestVersion !== null) return newestVersion;
  throw new BifrostError("not-found", `${name} has no version; push one first`);
}

function versionNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new BifrostError(
    "bad-request",
    `${JSON.stringify(text)} is no version; versions are 1, 2, 3 …`,
  );
}
