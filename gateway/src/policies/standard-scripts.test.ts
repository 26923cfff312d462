import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import {
  MAX_POLICY_SOURCE_BYTES,
  type PolicyAttachment,
  type PolicyConfigValue,
} from "@bifrost/shared/domain/policy";
import { checkSettings } from "@bifrost/shared/domain/policy-settings";
import { STANDARD_POLICIES, standardPolicy } from "@bifrost/shared/domain/standard-policies";
import { type LogFields, silentLogger } from "@bifrost/shared/ports/logger";
import { assert, constantFrom, oneof, property, tuple, uniqueArray } from "fast-check";
import { expect, test } from "vitest";
import { loadLua } from "../lua/lua-instance.ts";
import { PolicyError } from "../lua/policy-error.ts";
import { PolicyVm } from "../lua/policy-vm.ts";
import { SharedState } from "../lua/shared-state.ts";
import { TokenBuckets } from "../limits/token-buckets.ts";
import { virtualTimers } from "../testing/virtual-timers.ts";
import { checkAlertRule } from "./check/check-alert-rule.ts";
import { NO_MARKER } from "./policy-host.ts";
import { readStandardScripts } from "./standard-scripts.ts";
import { runPolicyTests } from "./testing/run-policy-tests.ts";

const FOLDER = fileURLToPath(new URL("../../policies/", import.meta.url));
const lua = await loadLua();
const all = readStandardScripts(FOLDER, silentLogger);
const scripts = all.filter(({ kind }) => kind === "request");
const rules = all.filter(({ kind }) => kind === "alert");

test("what may be attached is what the folder holds, each with its tests", () => {
  const names = Object.keys(STANDARD_POLICIES).flatMap((name) => [
    `${name}.lua`,
    `${name}_test.lua`,
  ]);
  const found = readdirSync(FOLDER).filter((file) => file.endsWith(".lua"));
  expect(found.toSorted()).toEqual(names.toSorted());
});

test.each(scripts)("$name passes its own tests", (script) => {
  const tests = readFileSync(path.join(FOLDER, `${path.basename(script.name)}_test.lua`), "utf8");
  const { results } = runPolicyTests({ lua, script, test: tests });
  expect(results.filter(({ failure }) => failure !== null)).toEqual([]);
  expect(results.length).toBeGreaterThan(3);
  expect(lua.states.size).toBe(0);
});

test.each(scripts)(
  "$name is as small as others have to be and says which settings it takes",
  ({ source }) => {
    expect(Buffer.byteLength(source)).toBeLessThan(MAX_POLICY_SOURCE_BYTES);
    const known = [...source.matchAll(/^ {2}(\w+) = \{ type = /gm)].map(([, name = ""]) => name);
    const documented = [...source.matchAll(/^-- {3}(\w+)/gm)].map(([, name = ""]) => name);
    expect(documented.toSorted()).toEqual(known.toSorted());
  },
);

test.each(rules)("$name passes the check of alert rules", (script) => {
  const candidate = { script, test: null, requests: [], inService: null, configs: [] };
  const { passed, report } = checkAlertRule({ lua, candidate, onPhase: () => undefined });
  expect(passed).toBe(true);
  expect(report).toContain(
    'a replica that does not answer: critical "replica is unhealthy" to log',
  );
});

test("those that are missing are said by name and left out", () => {
  const said: (LogFields | undefined)[] = [];
  const log = { ...silentLogger, error: (_: string, fields?: LogFields) => void said.push(fields) };
  expect(readStandardScripts("/nowhere", log)).toEqual([]);
  expect(said[0]).toMatchObject({ file: "/nowhere/rate-limit.lua" });
  expect(said).toHaveLength(all.length);
});

const WORDS = [
  0,
  1,
  399,
  404,
  0.5,
  1e9,
  true,
  "",
  "header",
  "strict",
  "x-y",
  "a b",
  "=",
  "secret of many letters",
];
const ITEMS = [
  "",
  "*",
  "https://a.example",
  "10.0.0.0/8",
  "::1/64",
  "999.0.0.1",
  "10.0.0.0/33",
  "x",
  "a=1",
  "a=0",
  "b=2.5",
];
const MORE_ITEMS = ["x: y", "Host: z", "PUT", "x-forwarded-for", `ada:${"0a".repeat(32)}`];

test.each(scripts)(
  "$name loads with exactly the settings that may be attached",
  ({ name, source }) => {
    const policy = standardPolicy(name);
    if (policy === null) throw new Error(`${name} is not known`);
    const value = oneof(
      constantFrom<PolicyConfigValue>(...WORDS),
      uniqueArray(constantFrom(...ITEMS, ...MORE_ITEMS), { maxLength: 2 }),
    );
    const keys = Object.keys(policy.settings);
    // A few settings at a time, so that some are taken.
    const settings = uniqueArray(tuple(constantFrom(...keys, "unknown"), value), { maxLength: 3 });
    assert(
      property(settings, (entries) => {
        const config = Object.fromEntries(entries);
        const wrong = checkSettings(policy, config);
        expect({ config, wrong, loads: loads(source, config) }).toEqual({
          config,
          wrong,
          loads: wrong === null,
        });
      }),
      { numRuns: 300 },
    );
  },
);

function loads(source: string, config: PolicyAttachment["config"]): boolean {
  const timers = virtualTimers();
  try {
    new PolicyVm(lua, {
      name: "standard",
      source,
      config,
      services: {
        limiter: new TokenBuckets(timers),
        now: () => timers.now(),
        log() {},
        marker: NO_MARKER,
      },
      scopeOf: () => ({ limits: "", state: new SharedState() }),
      marked: 1,
    }).close();
    return true;
  } catch (error) {
    if (error instanceof PolicyError && error.kind === "error") return false;
    throw error;
  }
}
