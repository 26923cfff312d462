import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RunningFirestore } from "../index.ts";
import { ROOT, startTestFirestore } from "../testing/firestore-fixture.ts";
import { formOf } from "../testing/raw-channel.ts";

let server: RunningFirestore;
beforeAll(async () => {
  server = await startTestFirestore();
});
afterAll(() => server.stop());

const CHANNEL = "/google.firestore.v1.Firestore/Listen/channel?VER=8";
const COMMIT = `/v1/${ROOT}:commit`;
/** What the SDK sends with each REST call. */
const SDK_HEADERS =
  "authorization,content-type,google-cloud-resource-prefix,x-goog-api-client,x-goog-request-params,x-firebase-gmpid";

function call(origin: string, method: string, path: string, body?: string): Promise<Response> {
  return fetch(`http://127.0.0.1:${server.port}${path}`, {
    method,
    headers: { origin, "access-control-request-headers": SDK_HEADERS },
    ...(body === undefined ? {} : { body }),
  });
}

function corsHeaders(response: Response): string[] {
  return [...response.headers.keys()].filter((name) => name.startsWith("access-control-"));
}

describe.each([
  "http://localhost",
  "http://localhost:4200",
  "https://localhost:4200",
  "http://127.0.0.1:8080",
  "http://127.8.9.10:8080",
  "http://[::1]:3000",
  "http://demo.localhost:3000",
  "http://a.b.localhost",
])("a page from %s", (origin) => {
  test("may send what the SDK sends, and a browser need not ask again for two hours", async () => {
    const { status, headers } = await call(origin, "OPTIONS", COMMIT);
    expect(status).toBe(204);
    expect(headers.get("access-control-allow-origin")).toBe(origin);
    expect(headers.get("access-control-allow-credentials")).toBe("true");
    expect(headers.get("access-control-allow-methods")).toContain("POST");
    expect(headers.get("access-control-allow-headers")).toBe(SDK_HEADERS);
    expect(headers.get("access-control-max-age")).toBe("7200");
    expect(headers.get("vary")).toBe("Origin");
  });

  test("may read answers, those to a refused call as well", async () => {
    const channel = await call(origin, "POST", CHANNEL, formOf([]));
    const nothing = await call(origin, "POST", COMMIT, "nonsense");
    expect([channel.status, nothing.status]).toEqual([200, 400]);
    for (const { headers } of [channel, nothing]) {
      expect(headers.get("access-control-allow-origin")).toBe(origin);
      expect(headers.get("access-control-expose-headers")).toContain("x-client-wire-protocol");
    }
  });
});

describe.each([
  "https://evil.example",
  "http://192.168.1.10:8080",
  "http://10.0.0.1",
  "http://172.16.0.1:3000",
  "http://169.254.169.254",
  "http://0.0.0.0:3000",
  "http://[fd00::1]",
  "http://localhost.evil.example",
  "http://evillocalhost",
  "http://localhost.",
  "http://127.0.0.1.evil.example",
  "chrome-extension://localhost",
  "file://localhost",
  "null",
])("a page from %s", (origin) => {
  test.each<[string, string, string, string | undefined]>([
    ["a preflight", "OPTIONS", COMMIT, undefined],
    ["a commit", "POST", COMMIT, JSON.stringify({ writes: [{ delete: `${ROOT}/items/a` }] })],
    ["a new channel", "POST", CHANNEL, formOf([])],
    ["a back channel", "GET", `${CHANNEL}&SID=x&RID=rpc`, undefined],
  ])("is refused %s and can read no answer", async (_what, method, path, body) => {
    const before = [server.lastSequence(), server.info()["webChannels"]];
    const response = await call(origin, method, path, body);
    expect(response.status).toBe(403);
    expect(corsHeaders(response)).toEqual([]);
    expect([server.lastSequence(), server.info()["webChannels"]]).toEqual(before);
  });
});

test("who is no browser names no origin and is served without CORS headers", async () => {
  const response = await fetch(`http://127.0.0.1:${server.port}/`);
  expect(response.status).toBe(200);
  expect(corsHeaders(response)).toEqual([]);
});
