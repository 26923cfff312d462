import * as v from "valibot";
import { expect, test } from "vitest";
import { budgetsOf } from "./budgets.ts";
import { providersSchema } from "./provider-config.ts";

const PROVIDER = {
  name: "openai",
  base_url: "https://api.openai.com",
  key_env: "OPENAI_API_KEY",
  limits: [
    { model: "gpt-4o", requests_per_minute: 60, tokens_per_minute: 6000, mode: "strict" },
    { model: "*", per: "all", requests_per_minute: 600 },
  ],
};

function provider(change: object = {}) {
  const [parsed] = v.parse(providersSchema, [{ ...PROVIDER, ...change }]);
  if (parsed === undefined) throw new Error("no provider");
  return parsed;
}

const keys = (projectId: string, model: string) =>
  budgetsOf(provider(), projectId, model).map(({ key }) => key);

test("a limit holds for its model, and that of all models for every call", () => {
  expect(budgetsOf(provider(), "p1", "gpt-4o")).toEqual([
    {
      scope: "provider:openai",
      key: "requests\ngpt-4o\np1",
      counts: "requests",
      rate: 1,
      burst: 10,
      mode: "strict",
    },
    {
      scope: "provider:openai",
      key: "tokens\ngpt-4o\np1",
      counts: "tokens",
      rate: 100,
      burst: 1000,
      mode: "balanced",
    },
    {
      scope: "provider:openai",
      key: "requests\n*\n",
      counts: "requests",
      rate: 10,
      burst: 100,
      mode: "balanced",
    },
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
  const rare = provider({ limits: [{ model: "*", requests_per_minute: 1 }] });
  expect(budgetsOf(rare, "p", "")[0]).toMatchObject({ rate: 1 / 60, burst: 1 });
});

test.each([
  [{ base_url: "http://api.openai.com" }, "must be an https address"],
  [{ base_url: "https://key@api.openai.com" }, "must be an https address"],
  [{ base_url: "https://api.openai.com?x=1" }, "must be an https address"],
  [{ key_env: "sk-secret" }, "must be the name of an environment variable"],
  [{ name: "Open AI" }, "must be lower-case letters, digits and -"],
  [{ limits: [{ model: "*" }] }, "must have requests_per_minute or tokens_per_minute, or both"],
  [{ limits: [{ model: "*", requests_per_minute: 0.5 }] }, "must be a whole number"],
])("%j is refused", (change, message) => {
  const result = v.safeParse(providersSchema, [{ ...PROVIDER, ...change }]);
  expect(result.issues?.[0]?.message).toContain(message);
});

test("two providers of one name are refused", () => {
  const result = v.safeParse(providersSchema, [PROVIDER, PROVIDER]);
  expect(result.issues?.[0]?.message).toBe("must not name one provider twice");
});
