/** The control API as operators and strangers see it. */
import { get } from "node:http";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { HOST, ProxyRig } from "../testing/proxy-rig.ts";
import { readMetrics } from "../testing/read-metrics.ts";
import { eventually, TEST_TOKEN } from "../testing/test-gateway.ts";

let rig: ProxyRig;
beforeEach(async () => {
  rig = await ProxyRig.start();
});
afterEach(() => rig.stop());

const ask = (path: string, authorization?: string, method = "GET") =>
  fetch(`http://127.0.0.1:${rig.running.gateway.controlPort}${path}`, {
    method,
    ...(authorization === undefined ? {} : { headers: { authorization } }),
  });

const GUARDED = [
  ["GET", "/routes"],
  ["GET", "/policies"],
  ["GET", "/connections"],
  ["GET", "/metrics"],
  ["GET", "/cluster/traffic"],
  ["POST", "/drain"],
  ["POST", "/restart"],
] as const;

describe("without the token", () => {
  test.each(GUARDED)("%s %s is refused, whatever is said instead of it", async (method, path) => {
    const instead = [
      undefined,
      "",
      TEST_TOKEN,
      `Basic ${TEST_TOKEN}`,
      `Bearer ${TEST_TOKEN}x`,
      `Bearer ${TEST_TOKEN.slice(0, -1)}`,
      "Bearer ",
    ];
    for (const authorization of instead) {
      const answer = await ask(path, authorization, method);
      expect(answer.status).toBe(401);
      expect(answer.headers.get("content-type")).toBe("application/problem+json");
      expect(await answer.text()).toContain("BIFROST_CONTROL_TOKEN");
    }
    expect(await (await ask("/ready")).json()).toMatchObject({ ready: true });
  });

  test.each(["/health", "/ready"])("%s answers probes", async (path) => {
    expect((await ask(path)).status).toBe(200);
  });
});

test("a gateway that has no token refuses everyone and says so", async () => {
  await rig.restart({ controlToken: null });
  for (const [method, path] of GUARDED) {
    const answer = await ask(path, "Bearer null", method);
    expect([answer.status, await answer.text()]).toEqual([
      401,
      expect.stringContaining("was started without BIFROST_CONTROL_TOKEN"),
    ]);
  }
  expect((await ask("/health")).status).toBe(200);
});

/** One request to HOST over a connection of its own. */
function visit(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const { port } = rig.running.gateway;
    get({ port, host: "127.0.0.1", path, headers: { host: HOST }, agent: false }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode ?? 0));
    }).on("error", reject);
  });
}

test("the metrics tell how many requests of which kind took how long, and Prometheus can read them", async () => {
  const replica = await rig.httpReplica((request, response) => {
    response.statusCode = request.url === "/teapot" ? 418 : 200;
    response.end("hello");
  });
  rig.serve(replica);
  for (const path of ["/", "/", "/teapot"]) await visit(path);
  rig.running.setBackends({});
  await visit("/");
  await eventually("all is told", () => rig.listener.clients() === 0);
  const series = readMetrics(await (await rig.running.control("/metrics")).text());
  const value = (name: string, labels: Readonly<Record<string, string>> = {}) =>
    series.find((one) => one.name === name && JSON.stringify(one.labels) === JSON.stringify(labels))
      ?.value;
  expect(value("bifrost_proxy_requests_total")).toBe(4);
  expect(value("bifrost_proxy_responses_total", { class: "2xx" })).toBe(2);
  expect(value("bifrost_proxy_responses_total", { class: "4xx" })).toBe(1);
  expect(value("bifrost_proxy_responses_total", { class: "5xx" })).toBe(1);
  expect(value("bifrost_proxy_own_pages_total", { page: "no-backend" })).toBe(1);
  expect(value("bifrost_proxy_project_requests_total", { project: "project" })).toBe(4);
  expect(value("bifrost_proxy_request_duration_seconds_count")).toBe(4);
  expect(value("bifrost_proxy_upstream_duration_seconds_count")).toBe(3);
  expect(value("bifrost_proxy_bytes_total", { direction: "in" })).toBeGreaterThan(100);
  const pid = String(process.pid);
  expect(value("bifrost_process_resident_bytes", { pid })).toBeGreaterThan(1e6);
  expect(value("bifrost_proxy_workers")).toBe(1);
});

test("connections are told by process and address", async () => {
  rig.serve(await rig.httpReplica((_request, response) => response.end("hello")));
  const client = await rig.client();
  client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
  await client.until((text) => text.endsWith("hello"));
  const upstreams = Object.fromEntries(rig.listener.pool.sizes());
  expect(Object.values(upstreams)).toEqual([1]);
  expect(await (await rig.running.control("/connections")).json()).toEqual({
    workers: [{ pid: process.pid, clients: 1, upstreams }],
  });
  client.socket.destroy();
});

test("a drained gateway ends what is under way, accepts nothing more and is not ready", async () => {
  let finish: (() => void) | undefined;
  rig.serve(await rig.httpReplica((_q, response) => (finish = () => response.end("done"))));
  const client = await rig.client();
  client.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
  await eventually("it is at the replica", () => finish !== undefined);
  const drained = rig.running.control("/drain?graceMs=10000", { method: "POST" });
  await expect.poll(async () => (await ask("/ready")).status, { timeout: 5000 }).toBe(503);
  await expect(rig.client()).rejects.toThrow("ECONNREFUSED");
  finish?.();
  expect(await client.closed()).toMatch(/done$/);
  expect((await drained).status).toBe(200);
});

test.each(["-1", "1e3", "soon", "9999999"])("graceMs=%s is refused", async (graceMs) => {
  const answer = await rig.running.control(`/drain?graceMs=${graceMs}`, { method: "POST" });
  expect(answer.status).toBe(400);
  expect((await ask("/ready")).status).toBe(200);
});
