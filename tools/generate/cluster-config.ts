/** docs/cluster-config.md's reference, from the field table of the parser. */
import {
  CLUSTER_FIELDS,
  COMMON_DISCOVERY_FIELDS,
  DISCOVERY_FIELDS,
  type Field,
  type Fields,
  FILE_FIELDS,
  GOSSIP_FIELDS,
  HEALTH_FIELDS,
  POSTGRES_FIELDS,
  STORE_FIELDS,
  TLS_FIELDS,
} from "@bifrost/gateway/cluster-config/fields";
import {
  PROVIDER_FIELDS,
  PROVIDER_LIMIT_FIELDS,
} from "@bifrost/gateway/cluster-config/provider-fields";
import { code, markdownTable } from "./markdown-table.ts";

/** The Markdown between the fences, without the fences. */
export function clusterConfigReference(): string {
  const methods = Object.entries(DISCOVERY_FIELDS).filter(
    ([, fields]) => Object.keys(fields).length > 0,
  );
  return [
    section("The file", FILE_FIELDS),
    section(code("cluster_config"), CLUSTER_FIELDS),
    section(code("cluster_config.gossip"), GOSSIP_FIELDS),
    section(code("cluster_config.gossip.config"), HEALTH_FIELDS),
    section(code("cluster_config.tls"), TLS_FIELDS),
    section(`${code("cluster_config.discovery")}, all types`, COMMON_DISCOVERY_FIELDS),
    ...methods.map(([type, fields]) =>
      section(`${code("cluster_config.discovery")} with ${code(`"type": "${type}"`)}`, fields),
    ),
    section(code("config_store"), STORE_FIELDS),
    section(`${code("config_store.config")} with ${code('"type": "postgres"')}`, POSTGRES_FIELDS),
    section(`${code("providers")}, each`, PROVIDER_FIELDS),
    section(`${code("providers")}: each of ${code("limits")}`, PROVIDER_LIMIT_FIELDS),
  ].join("\n\n");
}

function section(title: string, fields: Fields): string {
  const rows = Object.entries(fields).map(([name, field]) => [
    code(name),
    sentence(field.kind.expects),
    defaultOf(field),
    field.about,
  ]);
  return `### ${title}\n\n${markdownTable(["field", "allowed", "default", "meaning"], rows)}`;
}

function defaultOf({ isRequired, fallback, fallbackWords }: Field<unknown>): string {
  if (isRequired === true) return "required";
  if (fallbackWords !== undefined) return fallbackWords;
  return fallback === undefined ? "none" : code(JSON.stringify(fallback));
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}
