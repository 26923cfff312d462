import { readdirSync, readFileSync } from "node:fs";
import { MAX_POLICY_SOURCE_BYTES } from "@bifrost/shared/domain/policy";
import { STANDARD_POLICIES } from "@bifrost/shared/domain/standard-policies";
import { expect, test } from "vitest";
import { loadLua } from "../lua/lua-instance.ts";
import { readStandardPolicies, standardPolicyFolder } from "./standard-policies.ts";
import { runPolicyTests } from "./testing/run-policy-tests.ts";

const FOLDER = standardPolicyFolder(new URL("../main.ts", import.meta.url).href);
const lua = await loadLua();
const scripts = await readStandardPolicies(FOLDER);

test("what may be attached is what the folder holds, each with its tests", () => {
  const names = Object.keys(STANDARD_POLICIES).flatMap((name) => [
    `${name}.lua`,
    `${name}_test.lua`,
  ]);
  const found = readdirSync(FOLDER).filter((file) => file.endsWith(".lua"));
  expect(found.toSorted()).toEqual(names.toSorted());
});

test.each(scripts)("$name passes its own tests", (script) => {
  const tests = readFileSync(new URL(`${script.name.split("/")[1]}_test.lua`, FOLDER), "utf8");
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

test("a folder without them is named", async () => {
  const nowhere = new URL("file:///nowhere/policies/");
  await expect(readStandardPolicies(nowhere)).rejects.toThrow(
    /The standard policy \/nowhere\/policies\/rate-limit\.lua cannot be read/,
  );
});
