import { expect, test } from "vitest";
import { budgetsOf } from "./budgets.ts";
import type { ProviderLimit } from "./provider-config.ts";

const OF_MODEL: ProviderLimit = {
  model: "gpt-4o",
  per: "project",
  requestsPerMinute: 60,
  tokensPerMinute: 6000,
  mode: "strict",
};
const OF_ALL: ProviderLimit = {
  model: "*",
  per: "all",
  requestsPerMinute: 600,
  tokensPerMinute: null,
  mode: "balanced",
};
const PROVIDER = { name: "openai", limits: [OF_MODEL, OF_ALL] };

const keys = (projectId: string, model: string) =>
  budgetsOf(PROVIDER, projectId, model).map(({ key }) => key);

test("a limit holds for its model, and that of all models for every call", () => {
  const scope = "provider:openai";
  expect(budgetsOf(PROVIDER, "p1", "gpt-4o")).toEqual([
    { scope, key: "requests\ngpt-4o\np1", counts: "requests", rate: 1, burst: 10, mode: "strict" },
    {
      scope,
      key: "tokens\ngpt-4o\np1",
      counts: "tokens",
      rate: 100,
      burst: 1000,
      mode: "balanced",
    },
    { scope, key: "requests\n*\n", counts: "requests", rate: 10, burst: 100, mode: "balanced" },
  ]);
  expect(keys("p1", "other")).toEqual(["requests\n*\n"]);
  expect(keys("p1", "")).toEqual(["requests\n*\n"]);
});

test("projects have buckets of their own, but for limits that are for all", () => {
  const [one, , all] = keys("p1", "gpt-4o");
  const [other, , sameAll] = keys("p2", "gpt-4o");
  expect(one).not.toBe(other);
  expect(all).toBe(sameAll);
});

test("whoever may ask once a minute may ask once", () => {
  const rare = { name: "ai", limits: [{ ...OF_ALL, requestsPerMinute: 1 }] };
  expect(budgetsOf(rare, "p", "")[0]).toMatchObject({ rate: 1 / 60, burst: 1 });
});
