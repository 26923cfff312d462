import { expect, test } from "vitest";
import { problemsOf, readFileText } from "../testing/cluster-files.ts";

const OPENAI = {
  name: "openai",
  base_url: "https://api.openai.com",
  key_env: "OPENAI_API_KEY",
  limits: [
    { model: "gpt-4o", requests_per_minute: 60, tokens_per_minute: 100_000, mode: "strict" },
    { model: "*", per: "all", requests_per_minute: 600 },
  ],
};
const file = (...providers: readonly object[]) => JSON.stringify({ providers });
const changed = (change: object) => file({ ...OPENAI, ...change });

test("providers are read with their defaults in place", () => {
  expect(readFileText(file(OPENAI)).providers).toEqual([
    {
      name: "openai",
      baseUrl: new URL("https://api.openai.com"),
      keyVariable: "OPENAI_API_KEY",
      keyHeader: "authorization",
      limits: [
        {
          model: "gpt-4o",
          per: "project",
          requestsPerMinute: 60,
          tokensPerMinute: 100_000,
          mode: "strict",
        },
        { model: "*", per: "all", requestsPerMinute: 600, tokensPerMinute: null, mode: "balanced" },
      ],
    },
  ]);
});

test.each([
  ["http elsewhere", { base_url: "http://api.openai.com" }, "providers[0].base_url"],
  ["a user in the address", { base_url: "https://key@api.openai.com" }, "providers[0].base_url"],
  ["a query in the address", { base_url: "https://api.openai.com?x=1" }, "providers[0].base_url"],
  ["a key in place of its variable", { key_env: "sk-secret" }, "providers[0].key_env"],
  ["a name with blanks", { name: "Open AI" }, "providers[0].name"],
  [
    "a limit of nothing",
    { limits: [{ model: "*" }] },
    "neither requests_per_minute nor tokens_per_minute",
  ],
  ["half a request", { limits: [{ model: "*", requests_per_minute: 0.5 }] }, "a whole number"],
  [
    "a mode that is none",
    { limits: [{ model: "*", requests_per_minute: 1, mode: "strikt" }] },
    'did you mean "strict"?',
  ],
  ["a field that is none", { limit: [] }, 'did you mean "limits"?'],
  ["limits that are no list", { limits: {} }, "providers[0].limits"],
])("%s is refused with its place and what to do", (_what, change, words) => {
  expect(problemsOf(changed(change)).join("\n")).toContain(words);
});

test("http is allowed on this machine", () => {
  const [provider] = readFileText(changed({ base_url: "http://127.0.0.1:8000/v1" })).providers;
  expect(provider?.baseUrl.href).toBe("http://127.0.0.1:8000/v1");
});

test("two providers of one name are refused", () => {
  expect(problemsOf(file(OPENAI, OPENAI)).join("\n")).toContain('"openai" a second time');
});
