/** What apps asked of AI providers through this node. */
import { Hono } from "hono";
import type { UsageTable } from "../providers/usage-table.ts";
import type { Metric, Sample } from "./prometheus.ts";

export function providerRoutes(usage: UsageTable): Hono {
  const app = new Hono();
  app.get("/providers", (c) => c.json({ usage: usage.rows() }));
  return app;
}

/** Without projects: there may be thousands of them, and `GET /providers` tells them apart. */
export function providerMetrics(usage: UsageTable): readonly Metric[] {
  return [
    {
      name: "bifrost_provider_calls_total",
      type: "counter",
      help: "Calls of AI providers by how they ended: answered, limited by the gateway, or failed.",
      samples: summed(usage, ({ calls, limited, failed }) => ({
        answered: calls - limited - failed,
        limited,
        failed,
      })),
    },
    {
      name: "bifrost_provider_tokens_total",
      type: "counter",
      help: "Tokens that answers of AI providers took: stated by them, or estimated from lengths.",
      samples: summed(usage, ({ tokens, estimatedTokens }) => ({
        stated: tokens - estimatedTokens,
        estimated: estimatedTokens,
      })),
    },
  ];
}

type Row = ReturnType<UsageTable["rows"]>[number];

function summed(
  usage: UsageTable,
  countsOf: (row: Row) => Readonly<Record<string, number>>,
): readonly Sample[] {
  const sums = new Map<string, Sample>();
  for (const row of usage.rows()) {
    const { provider, model } = row;
    for (const [outcome, count] of Object.entries(countsOf(row))) {
      const key = JSON.stringify([provider, model, outcome]);
      const value = (sums.get(key)?.value ?? 0) + count;
      sums.set(key, { labels: { provider, model, outcome }, value });
    }
  }
  return [...sums.values()];
}
