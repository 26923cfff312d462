import {
  assert,
  boolean,
  constantFrom,
  dictionary,
  integer,
  property,
  record,
  shuffledSubarray,
  string,
} from "fast-check";
import { describe, expect, it } from "vitest";
import { isBifrostError } from "../domain/errors.ts";
import type { AppConfig } from "./app-config.ts";
import { canonicalConfig, configHash, parseCanonicalConfig } from "./canonical.ts";
import { parseAppConfig } from "./parse.ts";

function configOf(source: string): AppConfig {
  const result = parseAppConfig(source);
  if (result.ok) return result.config;
  throw new Error(result.diagnostics.map(({ message }) => message).join("\n"));
}

const APP = ["name", "runtime", "port", "root"] as const;

const anyValues = record({
  runtime: constantFrom(
    "node",
    "python",
    "go",
    "rust",
    "elixir",
    "zig",
    "ocaml",
    "static",
    "docker",
  ),
  order: shuffledSubarray([...APP], { minLength: APP.length }),
  port: integer({ min: 1, max: 65_535 }),
  replicas: integer({ min: 1, max: 50 }),
  cpu: integer({ min: 50, max: 8000 }),
  watch: integer({ min: 0, max: 3600 }),
  spa: boolean(),
  env: dictionary(
    string({ unit: constantFrom("A", "b", "_", "z"), minLength: 1, maxLength: 6 }),
    string({ maxLength: 20 }),
    { maxKeys: 5 },
  ),
});

type Values = typeof anyValues extends { generate: (...args: never[]) => { value: infer T } }
  ? T
  : never;

function toToml(values: Values, isReversed: boolean): string {
  const app = {
    name: '"shop"',
    runtime: `"${values.runtime}"`,
    port: String(values.port),
    root: '"web"',
  };
  const env = Object.entries(values.env).map(
    ([name, value]) => `${name} = ${JSON.stringify(value.replaceAll(/[\0\u007f]/g, "?"))}`,
  );
  const tables = [
    ["[app]", ...values.order.map((key) => `${key} = ${app[key]}`)],
    ["[scaling]", `min_replicas = ${values.replicas}`],
    ["[resources]", `cpu = "${values.cpu}m"`],
    ["[health]", `watch = "${values.watch}s"`, 'interval = "1s"'],
    ["[env]", ...(isReversed ? env.toReversed() : env)],
    ...(values.runtime === "static"
      ? [["[static]", `spa = ${values.spa}`]]
      : [["[run]", 'command = "./x"']]),
  ];
  return (isReversed ? tables.toReversed() : tables).flat().join("\n");
}

describe("the canonical form of an app config", () => {
  it("read back is the config, with the same hash", () => {
    assert(
      property(anyValues, (values) => {
        const config = configOf(toToml(values, false));
        const back = parseCanonicalConfig(canonicalConfig(config));
        expect(back).toEqual(config);
        expect(configHash(back)).toBe(configHash(config));
      }),
    );
  });

  it("does not depend on the order of tables and keys", () => {
    assert(
      property(anyValues, (values) => {
        const [one, other] = [configOf(toToml(values, false)), configOf(toToml(values, true))];
        expect(canonicalConfig(other)).toBe(canonicalConfig(one));
      }),
    );
  });

  it("is the same whether a default is written or left out", () => {
    const short = '[app]\nname = "x"\nruntime = "node"\n';
    const long = `${short}port = 8080\n[scaling]\nmax_replicas = 3\n[run]\ncommand = "npm start"\n`;
    expect(configHash(configOf(long))).toBe(configHash(configOf(short)));
  });

  it("of before the thresholds is still read, with their defaults", () => {
    const config = configOf('[app]\nname = "x"\nruntime = "node"\n');
    const old = JSON.parse(canonicalConfig(config)) as { health: Record<string, unknown> };
    for (const key of ["success_threshold", "failure_threshold", "rollback"])
      delete old.health[key];
    expect(parseCanonicalConfig(JSON.stringify(old))).toEqual(config);
  });

  it("with a watch shorter than its interval, as once by default, is still read", () => {
    const config = configOf('[app]\nname = "x"\nruntime = "node"\n[health]\ninterval = "10m"\n');
    const old = canonicalConfig(config).replace('"watch":"20m"', '"watch":"60s"');
    const { interval, watch } = parseCanonicalConfig(old).health;
    expect([interval.ms, watch.ms]).toEqual([600_000, 60_000]);
  });

  it("differs when any value differs", () => {
    const base = '[app]\nname = "x"\nruntime = "node"\n';
    const sources = [
      base,
      `${base}port = 81\n`,
      `${base}[env]\nA = "1"\n`,
      `${base}[env]\nA = "2"\n`,
      `${base}[health]\nwatch = "0s"\n`,
      `${base}[health]\nsuccess_threshold = 1\n`,
      `${base}[health]\nfailure_threshold = 1\n`,
      `${base}[health]\nrollback = false\n`,
      base.replace("node", "docker"),
    ];
    expect(new Set(sources.map((source) => configHash(configOf(source)))).size).toBe(
      sources.length,
    );
  });

  it.each([
    ["text that is not JSON", "{"],
    ["a list", "[]"],
    ["an empty object", "{}"],
    ["a wrong value", '{"app":{"name":"X","runtime":"node"}}'],
    ["a polluting key", '{"__proto__":{},"app":{"name":"x","runtime":"node"}}'],
  ])("is refused as corrupt when it is %s", (_, text) => {
    let thrown: unknown;
    try {
      parseCanonicalConfig(text);
    } catch (error) {
      thrown = error;
    }
    expect(isBifrostError(thrown, "data-corrupt")).toBe(true);
  });
});
