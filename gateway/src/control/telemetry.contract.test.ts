import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { telemetryToken } from "@bifrost/shared/domain/telemetry-token";
import {
  rawClient,
  startTestGateway,
  TEST_SECRET,
  type TestGateway,
} from "../testing/test-gateway.ts";
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
  [
    "a deployment without a name",
    () => post(line(), telemetryToken(TEST_SECRET, ""), "/v1/telemetry/"),
    401,
  ],
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
  const get = (path: string) => running.control(path);
  expect((await get("/health")).status).toBe(200);
  expect(await (await get("/ready")).json()).toEqual({
    ready: true,
    routes: true,
    backends: true,
    workers: true,
  });
  expect(await (await get("/routes")).json()).toMatchObject({
    routes: [{ host: "shop.test.local", serving: ID }],
    backends: { [ID]: ["127.0.0.1:1"] },
  });
  expect(await (await get("/metrics")).text()).toContain(
    `bifrost_collector_samples_total{outcome="accepted"} 1\n`,
  );
});

const report = (deployment: string, from: number) =>
  Array.from({ length: 100 }, (_, index) => line({ deployment, seq: from + index })).join("");

/** The status of each report of another deployment. */
const other = async (): Promise<number[]> => {
  const seen: number[] = [];
  const token = telemetryToken(TEST_SECRET, "other");
  for (let seq = 1; seq <= 20; seq++) {
    const body = line({ deployment: "other", seq });
    seen.push((await post(body, token, "/v1/telemetry/other")).status);
  }
  return seen;
};

describe("a flood", () => {
  test("of one deployment is refused with the time to wait, and no other deployment notices", async () => {
    const waits: (string | null)[] = [];
    const flood = async (from: number): Promise<number[]> => {
      const seen: number[] = [];
      for (let n = 0; n < 100; n++) {
        const response = await post(report(ID, from + n * 100));
        waits.push(response.headers.get("retry-after"));
        await response.arrayBuffer();
        seen.push(response.status);
      }
      return seen;
    };
    const [first, second, calm] = await Promise.all([flood(1), flood(10_001), other()]);
    expect(calm).toEqual(calm.map(() => 204));
    const all = [...first, ...second];
    expect(new Set(all)).toEqual(new Set([204, 429]));
    expect(waits.filter((wait) => wait === "1")).toHaveLength(
      all.filter((status) => status === 429).length,
    );
    const { accepted, repeated, refusedByRate } = running.gateway.collector.metrics;
    expect(accepted + repeated).toBe(20 + 100 * all.filter((status) => status === 204).length);
    expect(refusedByRate).toBeGreaterThan(0);
    expect(running.gateway.collector.replicasOf("other")).toMatchObject([{ seq: 20 }]);
  });

  test("without a token is answered before the body is there, and not read to its end", async () => {
    const client = await rawClient(running.gateway.controlPort);
    const head = `POST /v1/telemetry/${ID} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n`;
    client.send(head);
    const answer = await client.until((text) => text.includes("\r\n\r\n"));
    expect(answer).toMatch(/^HTTP\/1.1 401 /);
    expect(answer.toLowerCase()).toContain("connection: close");
    await client.closed();
  });

  test.each([
    [
      "an endless body",
      "Transfer-Encoding: chunked\r\n\r\n",
      `${(70_000).toString(16)}\r\n${"x".repeat(70_000)}\r\n`,
    ],
    ["a body said to be too long", "Content-Length: 70000\r\n\r\n", ""],
  ])("of %s ends with 413 and the connection", async (_what, rest, body) => {
    const client = await rawClient(running.gateway.controlPort);
    const token = telemetryToken(TEST_SECRET, ID);
    client.send(
      `POST /v1/telemetry/${ID} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n${rest}${body}`,
    );
    expect(await client.closed()).toMatch(/^HTTP\/1.1 413 /);
  });
});

describe("the metrics", () => {
  test("count replicas by health, probes by result and how long they took", async () => {
    await post(
      line({ pod: "a", latencyMs: 3 }) +
        line({ pod: "b", healthy: false, result: 3, latencyMs: 700 }) +
        line({ pod: "c", healthy: false, proven: false, result: 0, dropped: 4 }),
    );
    const text = await metricsWith('probes_total{result="timeout"} 1');
    for (const expected of [
      'replicas{health="healthy"} 1',
      'replicas{health="unhealthy"} 1',
      'replicas{health="unproven"} 1',
      'probes_total{result="none"} 1',
      'probes_total{result="ok"} 1',
      'probe_latency_seconds_bucket{le="0.0025"} 0',
      'probe_latency_seconds_bucket{le="0.005"} 1',
      'probe_latency_seconds_bucket{le="+Inf"} 2',
      "probe_latency_seconds_sum 0.703",
      "probe_latency_seconds_count 2",
      "dropped_by_sidecars_total 4",
    ]) {
      expect(text).toContain(`\nbifrost_collector_${expected}\n`);
    }
  });
});

/** Listeners hear of samples a little later. */
async function metricsWith(expected: string): Promise<string> {
  let text = "";
  while (!text.includes(expected)) text = await (await running.control("/metrics")).text();
  return text;
}
