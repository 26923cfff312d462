import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestGateway, type TestGateway } from "../testing/test-gateway.ts";

let alone: TestGateway;
beforeAll(async () => {
  alone = await startTestGateway();
});
afterAll(() => alone.gateway.stop(0));

const url = (path: string) => `http://127.0.0.1:${alone.gateway.controlPort}${path}`;

function postKeys(body: string): Promise<Response> {
  return alone.control("/cluster/keys", { method: "POST", body });
}

test("a gateway that runs alone says so, and how it would be part of a cluster", async () => {
  const response = await fetch(url("/cluster/status"));
  expect(response.status).toBe(404);
  expect(await response.json()).toMatchObject({
    code: "not-found",
    detail: expect.stringContaining("BIFROST_CONFIG") as unknown,
  });
});

test("keys are for the holder of the control token alone", async () => {
  const response = await fetch(url("/cluster/keys"), { method: "POST", body: "{}" });
  expect(response.status).toBe(401);
});

const KEY = Buffer.alloc(32, 1).toString("base64");

test.each([
  ["no JSON", "nothing"],
  ["another step", JSON.stringify({ step: "forget", id: 1 })],
  ["an id above a byte", JSON.stringify({ step: "use", id: 256 })],
  ["a short key", JSON.stringify({ step: "install", id: 1, key: "c2hvcnQ=" })],
  ["a key that is not base64", JSON.stringify({ step: "install", id: 1, key: "-".repeat(44) })],
  ["a key where none belongs", JSON.stringify({ step: "use", id: 1, key: KEY })],
  ["no key where one belongs", JSON.stringify({ step: "install", id: 1 })],
  ["an unknown field", JSON.stringify({ step: "use", id: 1, force: true })],
])("a step of a key rotation with %s is refused with what is allowed", async (_what, body) => {
  const response = await postKeys(body);
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({
    detail: expect.stringContaining('"step": "install"') as unknown,
  });
});

test("a good step needs a cluster", async () => {
  const response = await postKeys(JSON.stringify({ step: "install", id: 2, key: KEY }));
  expect(response.status).toBe(404);
});
