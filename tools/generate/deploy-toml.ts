/** docs/deploy-toml.md's reference and the editor schema, both from the field table of the parser. */
import { DIAGNOSTIC_CODES } from "@bifrost/shared/app-config/diagnostic";
import type { Field, TableName } from "@bifrost/shared/app-config/fields";
import { ENV_TABLE, FIELDS, fieldsOf, TABLE_ABOUT } from "@bifrost/shared/app-config/fields";
import type { Runtime } from "@bifrost/shared/app-config/runtimes";
import { RUN_REQUIRED, RUNTIME_NAMES, RUNTIMES } from "@bifrost/shared/app-config/runtimes";
import { markdownTable } from "./markdown-table.ts";

const TABLES = Object.keys(FIELDS) as TableName[];

/** The Markdown between the fences of docs/deploy-toml.md, without the fences. */
export function deployTomlReference(): string {
  return [
    ...TABLES.map(tableSection),
    envSection(),
    section("Runtimes", ["runtime", "what", "default build", "default run"], runtimeRows()),
    section("Error codes", ["code", "meaning"], codeRows()),
  ].join("\n\n");
}

function tableSection(table: TableName): string {
  const rows = fieldsOf(table).map(([key, field]) => [
    `\`${key}\``,
    sentence(field.kind.expects),
    defaultWords(field),
    `${field.about}${runtimeWords(field)}`,
  ]);
  const heading = section(`\`[${table}]\``, ["key", "value", "default", "meaning"], rows);
  return heading.replace("\n\n", `\n\n${TABLE_ABOUT[table]}\n\n`);
}

function envSection(): string {
  const { about, longestName, reserved, reservedPrefix, forbidden, maxBytes } = ENV_TABLE;
  const rules = [
    `A name is 1 to ${longestName} letters, digits and underscores and does not start with a digit.`,
    `${code(reserved)}, ${code(forbidden)} and names that start with \`${reservedPrefix}\` are refused.`,
    `Every value is a string. Names and values together take at most ${maxBytes / 1024} KiB.`,
  ];
  return `### \`[env]\`\n\n${about}\n\n${rules.map((rule) => `- ${rule}`).join("\n")}`;
}

function runtimeRows(): string[][] {
  return RUNTIME_NAMES.map((name) => {
    const { about, build, run } = RUNTIMES[name];
    const start = run === RUN_REQUIRED ? "must be said" : commandWords(run);
    return [`\`${name}\``, about, commandWords(build), start];
  });
}

function commandWords(command: string | null): string {
  return command === null ? "none" : `\`${command}\``;
}

function codeRows(): string[][] {
  return Object.entries(DIAGNOSTIC_CODES).map(([name, meaning]) => [`\`${name}\``, meaning]);
}

function section(
  title: string,
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  return [`### ${title}`, "", markdownTable(header, rows)].join("\n");
}

function defaultWords(field: Field<unknown>): string {
  if (field.required) return "required";
  if (field.fallbackWords !== undefined) return field.fallbackWords;
  return field.fallback === undefined ? "none" : `\`${JSON.stringify(field.fallback)}\``;
}

function runtimeWords(field: Field<unknown>): string {
  const { runtimes } = field;
  if (runtimes === undefined) return "";
  const others = RUNTIME_NAMES.filter((name) => !runtimes.includes(name));
  if (runtimes.length <= others.length) return ` Only for ${code(runtimes)}.`;
  return ` Not for ${code(others)}.`;
}

function code(words: readonly string[]): string {
  return words.map((word) => `\`${word}\``).join(", ");
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}

type Schema = Readonly<Record<string, unknown>>;

/** JSON Schema (draft 7) of deploy.toml, for editors that complete and check TOML files. */
export function deployTomlJsonSchema(): string {
  const tables = TABLES.map((table) => [table, tableSchema(table)]);
  const schema = {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "deploy.toml",
    description: "How Bifrost builds, runs and watches an app.",
    type: "object",
    additionalProperties: false,
    required: ["app"],
    properties: { ...Object.fromEntries(tables), env: envSchema() },
    allOf: RUNTIME_NAMES.map(runtimeRule),
  };
  return `${formatJson(schema)}\n`;
}

function tableSchema(table: TableName): Schema {
  const fields = fieldsOf(table);
  const required = fields.filter(([, field]) => field.required).map(([key]) => key);
  return {
    description: TABLE_ABOUT[table],
    type: "object",
    additionalProperties: false,
    ...(required.length === 0 ? {} : { required }),
    properties: Object.fromEntries(fields.map(([key, field]) => [key, fieldSchema(field)])),
  };
}

function fieldSchema({ kind, about, fallback }: Field<unknown>): Schema {
  return {
    description: `${about} ${sentence(kind.expects)}.`,
    ...kind.jsonSchema,
    ...(fallback === undefined ? {} : { default: fallback }),
  };
}

function envSchema(): Schema {
  const { about, namePattern, longestName, reserved, reservedPrefix, forbidden } = ENV_TABLE;
  const refused = [...reserved, ...forbidden].map((name) => `${name}$`);
  return {
    description: about,
    type: "object",
    propertyNames: {
      pattern: namePattern.source,
      maxLength: longestName,
      not: { pattern: `^(${[...refused, reservedPrefix].join("|")})` },
    },
    additionalProperties: { type: "string" },
  };
}

/** What one runtime forbids and demands beyond what all have in common. */
function runtimeRule(runtime: Runtime): Schema {
  const isForeign = (field: Field<unknown>) => field.runtimes?.includes(runtime) === false;
  const forbidden = TABLES.flatMap((table): [string, unknown][] => {
    const fields = fieldsOf(table);
    const foreign = fields.filter(([, field]) => isForeign(field)).map(([key]) => [key, false]);
    if (foreign.length === 0) return [];
    const rule = { properties: Object.fromEntries(foreign) };
    return [[table, foreign.length === fields.length ? false : rule]];
  });
  const needsCommand = RUNTIMES[runtime].run === RUN_REQUIRED;
  const properties = {
    ...Object.fromEntries(forbidden),
    ...(needsCommand ? { run: { required: ["command"] } } : {}),
  };
  return {
    if: {
      required: ["app"],
      properties: { app: { required: ["runtime"], properties: { runtime: { const: runtime } } } },
    },
    // oxlint-disable-next-line unicorn/no-thenable -- JSON Schema's keyword
    then: { ...(needsCommand ? { required: ["run"] } : {}), properties },
  };
}

/** As the formatter of this repository writes JSON: two spaces, lists of words on one line. */
function formatJson(value: unknown): string {
  const expanded = JSON.stringify(value, null, 2);
  return expanded.replaceAll(/\[\s+("[^[\]{}]*?")\s+\]/g, (_, words: string) => {
    return `[${words.replaceAll(/,\s+/g, ", ")}]`;
  });
}
