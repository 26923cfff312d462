/** `bifrost domains list | add | verify | remove`: domains of one's own for a project. */
import type { DomainView } from "@bifrost/shared/api/routes";
import { EXIT } from "../exit-code.ts";
import type { Output } from "../output.ts";
import type { CommandSpec } from "./command.ts";

export const listDomains: CommandSpec = {
  usage: "list",
  description: "list the project's custom domains",
  example: "bifrost domains list",
  async run(context) {
    const { output, client } = context;
    const domains = await client.domains(context.projectKey());
    output.data({ items: domains });
    output.table(
      ["domain", "verified", "TXT record", "value"],
      domains.map(({ domain, verifiedAt, record }) => [
        domain,
        verifiedAt ?? "not yet",
        record.name,
        record.value,
      ]),
    );
    if (domains.length === 0) output.note("None yet; `bifrost domains add shop.example.com`.");
    return EXIT.ok;
  },
};

export const addDomain: CommandSpec = {
  usage: "add <domain>",
  description: "claim a domain; says which DNS record shows that it is yours",
  example: "bifrost domains add shop.example.com",
  async run(context, [domain = ""]) {
    const added = await context.client.addDomain(context.projectKey(), domain);
    context.output.data(added);
    tellNext(context.output, added);
    return EXIT.ok;
  },
};

export const verifyDomain: CommandSpec = {
  usage: "verify <domain>",
  description: "look the DNS record up; then the domain serves the project",
  example: "bifrost domains verify shop.example.com",
  async run(context, [domain = ""]) {
    const verified = await context.client.verifyDomain(context.projectKey(), domain);
    context.output.data(verified);
    context.output.line(
      `${verified.domain} is verified and serves the project; \`bifrost routes show ${verified.domain}\``,
    );
    return EXIT.ok;
  },
};

export const removeDomain: CommandSpec = {
  usage: "remove <domain>",
  description: "give up a domain and its route",
  example: "bifrost domains remove shop.example.com",
  async run(context, [domain = ""]) {
    const answer = await context.client.removeDomain(context.projectKey(), domain);
    context.output.data(answer);
    context.output.line(`Removed ${answer.deleted}.`);
    return EXIT.ok;
  },
};

function tellNext(output: Output, { domain, verifiedAt, record }: DomainView): void {
  if (verifiedAt !== null) return output.line(`${domain} is verified already.`);
  output.line(`Add this record to the DNS of ${domain}:`);
  output.line();
  output.line(`  ${record.name}  ${record.type}  ${record.value}`);
  output.line();
  output.line(`then run \`bifrost domains verify ${domain}\`.`);
  return undefined;
}
