import * as v from "valibot";
import { expect, test } from "vitest";
import { webhookUrlsForm } from "./webhook-urls.ts";

test("names lead to addresses", () => {
  const text = `{"ops":"https://chat.example/hook?token=1","dev":"http://127.0.0.1:9/x","six":"http://[::1]:9/"}`;
  expect([...v.parse(webhookUrlsForm, text)]).toEqual([
    ["ops", "https://chat.example/hook?token=1"],
    ["dev", "http://127.0.0.1:9/x"],
    ["six", "http://[::1]:9/"],
  ]);
});

test.each([
  ["no JSON", "ops=https://a.example", /must be a JSON object/],
  ["a list", `["https://a.example"]`, /must be a JSON object|names must be/],
  ["plain http to elsewhere", `{"ops":"http://chat.example/"}`, /addresses must be https/],
  [
    "a host that only begins like loopback",
    `{"ops":"http://127.0.0.1.evil.example/"}`,
    /addresses must be https/,
  ],
  ["another scheme", `{"ops":"file:///etc/passwd"}`, /addresses must be https/],
  ["no address", `{"ops":"chat"}`, /addresses must be https/],
  ["the name of the log", `{"log":"https://a.example"}`, /names must be/],
  ["a name in upper case", `{"Ops":"https://a.example"}`, /names must be/],
])("%s is refused", (_, text, message) => {
  const result = v.safeParse(webhookUrlsForm, text);
  expect(result.success).toBe(false);
  expect(result.issues?.[0].message).toMatch(message);
});
