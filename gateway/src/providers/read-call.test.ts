import { expect, test } from "vitest";
import { modelOf, readTarget } from "./read-call.ts";

test.each([
  ["/openai/v1/chat/completions", "openai", "/v1/chat/completions"],
  ["/openai/v1/models?limit=1", "openai", "/v1/models?limit=1"],
  ["/my-ai/", "my-ai", "/"],
])("%s is for %s", (target, provider, path) => {
  expect(readTarget(target)).toEqual({ provider, path });
});

test.each([
  "/",
  "/openai",
  "openai/v1",
  "/OPENAI/v1",
  "//v1",
  "/openai/../admin",
  "/openai/v1/%2e%2e/admin",
  "/openai/v1/..%2fadmin",
  "/openai/v1/%2E./admin",
  "/openai/v1\\..\\admin",
  "/openai/a b",
  "http://other.example/openai/v1",
  "",
])("%s is for nobody", (target) => {
  expect(readTarget(target)).toBeNull();
});

const body = (value: unknown) => Buffer.from(JSON.stringify(value));

test.each([
  ["from the body", "/v1/chat/completions", body({ model: "gpt-4o", messages: [] }), "gpt-4o"],
  [
    "from the path, as Google has it",
    "/v1beta/models/gemini-pro:generateContent",
    body({}),
    "gemini-pro",
  ],
  ["from the path with a query", "/v1/models/gemini-pro:stream?alt=sse", body({}), "gemini-pro"],
  ["nowhere, when there is none", "/v1/models", Buffer.alloc(0), ""],
  ["nowhere, when it is no text", "/v1/x", body({ model: 5 }), ""],
  ["nowhere, when it would break a line", "/v1/x", body({ model: "a\nb" }), ""],
  ["nowhere, when it is too long", "/v1/x", body({ model: "m".repeat(129) }), ""],
  ["nowhere in what is no JSON", "/v1/x", Buffer.from("model=gpt-4o"), ""],
])("the model is read %s", (_how, path, bytes, model) => {
  expect(modelOf(path, bytes)).toBe(model);
});
