import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { RULES_BEGIN, RULES_END, rulesBlock } from "./rules.ts";

test("the generated block of firestore.rules is what the lifecycle table says today", () => {
  const source = readFileSync(new URL("../../firestore.rules", import.meta.url), "utf8");
  const [before, rest = "", ...more] = source.split(`    ${RULES_BEGIN}\n`);
  expect(before).not.toContain(RULES_END);
  expect(more).toEqual([]);
  expect(rest.split(`\n    ${RULES_END}\n`)[0]).toBe(rulesBlock());
});

test("every move has its owner, and only moves with further fields are listed with them", () => {
  const block = rulesBlock();
  expect(block).toContain("'running/healthy': 'verify'");
  expect(block).toContain("'built/deploying': ['manifestsHash', 'url']");
  expect(block.match(/'running\/healthy'/g)).toHaveLength(1);
});
