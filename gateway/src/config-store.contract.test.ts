/** A gateway whose configuration is in a real PostgreSQL, changed through its control API and served at once. */
import { once } from "node:events";
import { createServer, type IncomingMessage, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { postgresPrograms, TestPostgres } from "@bifrost/shared/testing/test-postgres";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { composePostgres } from "./compose-store.ts";
import { startGateway, type RunningGateway } from "./gateway.ts";
import { NO_BUCKET, TEST_TOKEN, testPlaneSettings } from "./testing/test-gateway.ts";
import { startInProcess } from "./workers/in-process.ts";
import { PolicyFaults } from "./workers/policy-faults.ts";
import { startPolicies } from "./workers/start-policies.ts";

const programs = postgresPrograms();
let server: TestPostgres | null = null;
let app: Server;
let gateway: RunningGateway;

beforeAll(async () => {
  if (programs === null) return;
  server = await TestPostgres.start(programs);
  app = createServer((asked, response) => response.end(`app: ${asked.url}`)).listen(0);
  gateway = await startOver(server);
});
beforeEach((context) => {
  if (programs === null) context.skip("postgresql is not installed");
});
afterAll(async () => {
  if (server === null) return;
  await gateway.stop(0);
  app.close();
  await server.stop();
});

async function startOver({ host, port, user, password, database }: TestPostgres) {
  const parts = { timers: systemTimers, log: silentLogger };
  const address = { type: "postgres", host, port, user, password, database } as const;
  const { policies, own, ...sources } = await composePostgres(
    { kubeconfig: null, kubernetesHost: null },
    { ...address, sslMode: "disable" },
    { ...parts, configCluster: null },
  );
  const policyFaults = new PolicyFaults(systemTimers, silentLogger);
  const dataPlanes = await startInProcess({
    settings: testPlaneSettings(),
    timers: systemTimers,
    startPolicies,
    openBucket: () => NO_BUCKET,
    events: { onFault: (fault) => policyFaults.add(fault), onPolicyLog: () => undefined },
    onProblem: () => undefined,
  });
  return startGateway({
    ...sources,
    ...parts,
    alerts: null,
    providers: null,
    cluster: null,
    settings: {
      controlHost: "127.0.0.1",
      controlPort: 0,
      controlToken: TEST_TOKEN,
      telemetryGrpcPort: 0,
      telemetrySecret: "a-secret-for-tests",
    },
    dataPlanes,
    policyFaults,
    policies: { standard: [], stored: policies },
    ownConfig: own,
    replicas: null,
  });
}

function config(
  method: string,
  path: string,
  value?: unknown,
  headers: Readonly<Record<string, string>> = {},
) {
  return fetch(`http://127.0.0.1:${gateway.controlPort}/config/${path}`, {
    method,
    headers: { authorization: `Bearer ${TEST_TOKEN}`, ...headers },
    ...(value === undefined ? {} : { body: JSON.stringify(value) }),
  });
}

async function visit(path = "/"): Promise<{ status: number | undefined; body: string }> {
  const sent = request({ port: gateway.port, path, headers: { host: "shop.test" } }).end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return { status: response.statusCode, body: await text(response) };
}

const within = { timeout: 20_000, interval: 5 };

async function servesShop(): Promise<void> {
  const { port } = app.address() as AddressInfo;
  const ready = [{ address: `127.0.0.1:${port}` }];
  await config("PUT", "routes/shop.test", { projectId: "shop" });
  await config("PUT", "projects/shop", { liveDeploymentId: "d1" });
  await config("PUT", "backends/d1", { projectId: "shop", ready });
  await vi.waitFor(async () => expect((await visit()).status).toBe(200), within);
}

function policy(lua: string): unknown {
  return { source: lua };
}

function says(words: string): unknown {
  return policy(`function on_request(request) deny(403, "${words}") end`);
}

async function answers(words: string): Promise<void> {
  await vi.waitFor(async () => expect((await visit()).body).toBe(words), within);
}

describe("what is put", () => {
  test("is served: a route to replicas that stand in the configuration, and gone when it is deleted", async () => {
    await servesShop();
    expect((await visit("/a?b")).body).toBe("app: /a?b");
    expect((await config("DELETE", "routes/shop.test")).status).toBe(204);
    await vi.waitFor(async () => expect((await visit()).status).toBe(404), within);
  });

  test("can be a policy with its source: each change is a version, one that fails is left for the one before", async () => {
    await servesShop();
    await config("PUT", "policies/guard", says("first"));
    await config("PUT", "projects/shop", {
      liveDeploymentId: "d1",
      policies: [{ policy: "guard" }],
    });
    await answers("first");
    await config("PUT", "policies/guard", says("second"));
    await answers("second");
    await config("PUT", "policies/guard", policy("function on_request("));
    await answers("second");
    await config("PUT", "policies/guard", says("third"));
    await answers("third");
  });
});

describe("the control API", () => {
  test("reads what was put, with its version as the ETag, and lists it", async () => {
    const put = await config("PUT", "settings/gateway", { policies: [] });
    expect(put.status).toBe(200);
    const read = await config("GET", "settings/gateway");
    expect(read.headers.get("etag")).toBe(put.headers.get("etag"));
    const document = await read.json();
    expect(document).toMatchObject({ id: "gateway", value: { policies: [] } });
    const list = await config("GET", "settings");
    expect(await list.json()).toEqual({ documents: [document] });
  });

  test("refuses a change to something other than what was read", async () => {
    const first = await config("PUT", "projects/p", {}, { "if-none-match": "*" });
    const etag = first.headers.get("etag") ?? "";
    expect((await config("PUT", "projects/p", {}, { "if-none-match": "*" })).status).toBe(409);
    expect((await config("PUT", "projects/p", {}, { "if-match": etag })).status).toBe(200);
    const stale = await config("DELETE", "projects/p", undefined, { "if-match": etag });
    expect(await stale.json()).toMatchObject({ code: "write-conflict" });
  });

  test.each([
    ["PUT", "routes/Shop.test", { projectId: "p" }, 400, "must be a host name in lower case"],
    ["PUT", "routes/shop.test", { project: "p" }, 400, "project"],
    ["PUT", "settings/other", {}, 400, "must be gateway"],
    ["PUT", "policies/Guard", { source: "" }, 400, "must be 1 to 63 of a-z"],
    ["PUT", "policies/guard", { source: "x".repeat(65_537) }, 400, "source"],
    ["PUT", "policies/guard", { source: "x".repeat(300_000) }, 413, "at most 262144 bytes"],
    ["PUT", "backends/d", { ready: [{ address: "nowhere" }] }, 400, "must be host:port"],
    ["PUT", "things/a", {}, 404, "the kinds are routes, projects, settings, policies, backends"],
    ["GET", "routes/none.test", undefined, 404, "There is no routes/none.test"],
    ["DELETE", "routes/none.test", undefined, 404, "There is no routes/none.test"],
  ])("%s %s is refused with the reason", async (method, path, value, status, reason) => {
    const refused = await config(method, path, value);
    const problem = (await refused.json()) as { status: number; detail: string };
    expect(problem.status).toBe(status);
    expect(problem.detail).toContain(reason);
  });

  test("refuses a wrong If-Match, a body that is not JSON, and whoever has no token", async () => {
    const wrong = await config("PUT", "projects/p", {}, { "if-match": "*" });
    expect(wrong.status).toBe(400);
    const address = `http://127.0.0.1:${gateway.controlPort}/config/projects/p`;
    const headers = { authorization: `Bearer ${TEST_TOKEN}` };
    const broken = await fetch(address, { method: "PUT", headers, body: "{" });
    expect(await broken.json()).toMatchObject({ detail: "the body: must be JSON" });
    const stranger = await fetch(address, { method: "PUT", body: "{}" });
    expect(stranger.status).toBe(401);
  });
});
