import { expect, test } from "vitest";
import { UsageTable } from "../providers/usage-table.ts";
import { renderMetrics } from "./prometheus.ts";
import { providerMetrics, providerRoutes } from "./providers.ts";

function someUsage(): UsageTable {
  const usage = new UsageTable();
  usage.add("openai", "gpt-4o", "p1", { kind: "answered", tokens: 30, isEstimate: false });
  usage.add("openai", "gpt-4o", "p2", { kind: "answered", tokens: 5, isEstimate: true });
  usage.add("openai", "gpt-4o", "p2", { kind: "limited" });
  return usage;
}

test("usage is told by provider, model and project", async () => {
  const answer = await providerRoutes(someUsage()).request("/providers");
  expect(await answer.json()).toMatchObject({
    usage: [
      { projectId: "p1", calls: 1, tokens: 30 },
      { projectId: "p2", calls: 2, limited: 1, tokens: 5, estimatedTokens: 5 },
    ],
  });
});

test("metrics add the projects up", () => {
  const text = renderMetrics(providerMetrics(someUsage()));
  for (const [outcome, count] of [
    ["answered", 2],
    ["limited", 1],
    ["failed", 0],
  ] as const) {
    expect(text).toContain(
      `bifrost_provider_calls_total{provider="openai",model="gpt-4o",outcome="${outcome}"} ${count}`,
    );
  }
  expect(text).toContain('outcome="stated"} 30');
  expect(text).toContain('outcome="estimated"} 5');
});
