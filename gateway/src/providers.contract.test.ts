/** Calls of AI providers through the gateway as the platform runs it. */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { providerToken } from "@bifrost/shared/domain/provider-token";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { GatewayPrograms, type RunningProgram } from "./testing/gateway-program.ts";
import { TEST_SECRET, TEST_TOKEN } from "./testing/test-gateway.ts";

const KEY = "sk-the-platforms-own-key";

let programs: GatewayPrograms;
let folder: string;
let provider: Server;
const keysSeen: (string | undefined)[] = [];

beforeAll(async () => {
  programs = await GatewayPrograms.build();
  folder = mkdtempSync(path.join(tmpdir(), "bifrost-providers-"));
  provider = createServer((request, response) => {
    keysSeen.push(request.headers.authorization);
    request.resume().once("end", () => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ path: request.url, usage: { total_tokens: 40 } }));
    });
  });
  provider.listen(0, "127.0.0.1");
  await once(provider, "listening");
});
afterEach(() => programs.stopAll());
afterAll(async () => {
  provider.close();
  provider.closeAllConnections();
  rmSync(folder, { recursive: true });
  await programs.close();
});

function environment(): Readonly<Record<string, string>> {
  const { port } = provider.address() as AddressInfo;
  const file = path.join(folder, "config.json");
  const limits = [
    { model: "small", requests_per_minute: 12, mode: "strict" },
    { model: "*", per: "all", requests_per_minute: 6000 },
  ];
  const one = { name: "ai", base_url: `http://127.0.0.1:${port}`, key_env: "AI_KEY", limits };
  writeFileSync(file, JSON.stringify({ providers: [one] }));
  return { BIFROST_CONFIG: file, BIFROST_PROVIDERS_HOST: "127.0.0.1", BIFROST_PROVIDERS_PORT: "0" };
}

function portOf(gateway: RunningProgram): number {
  const line = gateway
    .output()
    .split("\n")
    .find((one) => one.includes('"providersPort"'));
  return (JSON.parse(line ?? "{}") as { providersPort: number }).providersPort;
}

function call(port: number, projectId: string, model: string): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}/ai/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${providerToken(TEST_SECRET, projectId)}` },
    body: JSON.stringify({ model, messages: [] }),
  });
}

test("apps call a provider with their project's token, within its limits, and operators see what was used", async () => {
  const gateway = await programs.start({ ...environment(), AI_KEY: KEY });
  const port = portOf(gateway);
  const first = await call(port, "shop", "small");
  expect(await first.json()).toMatchObject({ path: "/v1/chat/completions" });
  const statuses = [first.status];
  for (let i = 0; i < 3; i++) statuses.push((await call(port, "shop", "small")).status);
  expect(statuses).toEqual([200, 200, 429, 429]);
  expect((await call(port, "blog", "small")).status).toBe(200);
  expect((await call(port, "shop", "large")).status).toBe(200);
  expect(new Set(keysSeen)).toEqual(new Set([`Bearer ${KEY}`]));
  const control = `http://127.0.0.1:${gateway.controlPort}`;
  expect((await fetch(`${control}/providers`)).status).toBe(401);
  const headers = { authorization: `Bearer ${TEST_TOKEN}` };
  const { usage } = (await (await fetch(`${control}/providers`, { headers })).json()) as {
    readonly usage: readonly unknown[];
  };
  expect(usage).toContainEqual({
    provider: "ai",
    model: "small",
    projectId: "shop",
    calls: 4,
    limited: 2,
    failed: 0,
    tokens: 80,
    estimatedTokens: 0,
  });
  const metrics = await (await fetch(`${control}/metrics`, { headers })).text();
  expect(metrics).toContain(
    'bifrost_provider_calls_total{provider="ai",model="large",outcome="answered"} 1',
  );
  expect(gateway.output()).not.toContain(KEY);
});

test("without the key of a provider the gateway does not start, and names the variable", async () => {
  const started = programs.start(environment());
  await expect(started).rejects.toThrow(/The gateway ended with 78 .*AI_KEY \(of ai\)/s);
});
