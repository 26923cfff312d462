import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { MAX_POLICY_SOURCE_BYTES } from "@bifrost/shared/domain/policy";
import { STANDARD_POLICIES } from "@bifrost/shared/domain/standard-policies";
import { type LogFields, silentLogger } from "@bifrost/shared/ports/logger";
import { expect, test } from "vitest";
import { loadLua } from "../lua/lua-instance.ts";
import { checkAlertRule } from "./check/check-alert-rule.ts";
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
