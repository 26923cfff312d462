import { expect, test } from "vitest";
import { UsageTable } from "./usage-table.ts";

test("calls are counted by provider, model and project", () => {
  const usage = new UsageTable();
  usage.add("openai", "gpt-4o", "p1", { kind: "answered", tokens: 30, isEstimate: false });
  usage.add("openai", "gpt-4o", "p1", { kind: "answered", tokens: 5, isEstimate: true });
  usage.add("openai", "gpt-4o", "p1", { kind: "limited" });
  usage.add("openai", "gpt-4o", "p2", { kind: "failed" });
  expect(usage.rows()).toEqual([
    {
      provider: "openai",
      model: "gpt-4o",
      projectId: "p1",
      calls: 3,
      limited: 1,
      failed: 0,
      tokens: 35,
      estimatedTokens: 5,
    },
    {
      provider: "openai",
      model: "gpt-4o",
      projectId: "p2",
      calls: 1,
      limited: 0,
      failed: 1,
      tokens: 0,
      estimatedTokens: 0,
    },
  ]);
});

test("names that callers make up do not fill the memory, and lose no call", () => {
  const usage = new UsageTable();
  for (let i = 0; i < 10_000; i++) usage.add("openai", `m${i}`, "p1", { kind: "limited" });
  expect(usage.rows().length).toBeLessThanOrEqual(4097);
  expect(usage.rows().reduce((sum, { calls }) => sum + calls, 0)).toBe(10_000);
});
