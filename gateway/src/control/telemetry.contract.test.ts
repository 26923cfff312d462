import { afterEach, beforeEach, expect, test } from "vitest";
import { telemetryToken } from "@bifrost/shared/domain/telemetry-token";
import { startTestGateway, TEST_SECRET, type TestGateway } from "../testing/test-gateway.ts";
import { sampleLine } from "../testing/sample-line.ts";

const ID = "abcdefghij";
let running: TestGateway;

beforeEach(async () => {
  running = await startTestGateway();
});

afterEach(() => running.gateway.stop(0));

function post(body: string, token = telemetryToken(TEST_SECRET, ID), path = `/v1/telemetry/${ID}`) {
  return fetch(`http://127.0.0.1:${running.gateway.controlPort}${path}`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/x-ndjson" },
    body,
  });
}

const line = (changes = {}) => `${JSON.stringify(sampleLine({ deployment: ID, ...changes }))}\n`;

test("a report is answered by 204 without a body and kept", async () => {
  const response = await post(line({ seq: 1 }) + line({ seq: 2 }));
  expect(response.status).toBe(204);
  expect(response.headers.get("transfer-encoding")).toBeNull();
  expect(running.gateway.collector.replicasOf(ID)).toMatchObject([{ seq: 2 }]);
});

test.each([
  ["a token of another deployment", () => post(line(), telemetryToken(TEST_SECRET, "other")), 401],
  ["no token", () => post(line(), ""), 401],
  ["a broken line", () => post("{"), 400],
  ["a line with a field of the wrong type", () => post(line({ passes: "2" })), 400],
  ["a line for another deployment", () => post(line({ deployment: "other" })), 400],
  ["a report above 64 KiB", () => post(line().repeat(400)), 413],
  ["another path", () => post(line(), undefined, "/v1/other"), 404],
])("%s is refused and nothing of it kept", async (_name, send, status) => {
  const response = await send();
  expect(response.status).toBe(status);
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  expect(running.gateway.collector.replicasOf(ID)).toEqual([]);
});

test("the control API tells health, readiness, routes and counters", async () => {
  running.setBackends({ [ID]: ["127.0.0.1:1"] });
  running.setRoutes({ "shop.test.local": { projectId: "p" } }, { p: ID });
  await post(line());
  const get = (path: string) => fetch(`http://127.0.0.1:${running.gateway.controlPort}${path}`);
  expect((await get("/health")).status).toBe(200);
  expect(await (await get("/ready")).json()).toEqual({ ready: true, routes: true, backends: true });
  expect(await (await get("/routes")).json()).toMatchObject({
    routes: [{ host: "shop.test.local", serving: ID }],
    backends: { [ID]: ["127.0.0.1:1"] },
  });
  expect(await (await get("/metrics")).text()).toContain(
    `bifrost_collector_samples_total{outcome="accepted"} 1\n`,
  );
});
