/** Policies before a static site, and the platform's own probes past them. */
import { SITE_PROBE_HEADER } from "@bifrost/shared/domain/site-manifest";
import { EMPTY_ROUTE_TABLE, type Route, RouteSchema } from "@bifrost/shared/domain/route";
import { systemTimers } from "@bifrost/shared/domain/time";
import { MemoryObjectStore } from "@bifrost/shared/testing/memory-object-store";
import * as v from "valibot";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type DataPlane, startDataPlane } from "../data-plane.ts";
import type { PolicyChain } from "../policies/policy-chain.ts";
import { UNTOUCHED } from "../policies/policy-chain.ts";
import type { Served } from "../proxy/served.ts";
import { DEFAULT_PROXY_LIMITS } from "../proxy/services.ts";
import { rawClient } from "../testing/test-gateway.ts";
import { SiteReader } from "./site-reader.ts";

const HOST = "site.test.local";
const TOKEN = "a-token-for-probes";
const MANIFEST = "sites/project/first/manifest.json";

/** Lets in who knows the word, and marks every response. */
const GUARD: PolicyChain = {
  onRequest: (request) => ({
    ...UNTOUCHED,
    answer:
      request.header("x-word") === "sesame" ? null : { status: 401, headers: "", body: "who?" },
    response: {
      removed: [],
      added: "x-seen: yes\r\n",
      apply: (lines) => `${lines}x-seen: yes\r\n`,
    },
  }),
  hasResponsePhase: false,
  onResponse: () => null,
};

let plane: DataPlane;
let served: Served[];

beforeEach(async () => {
  const objects = new MemoryObjectStore();
  const files = [{ path: "index.html", sha256: "a".repeat(64), size: 4, encodings: {} }];
  const manifest = JSON.stringify({ version: 1, spa: false, files });
  await objects.put("sites", MANIFEST, new Blob([manifest]).stream());
  await objects.put("sites", `sites/project/first/${"a".repeat(64)}`, new Blob(["home"]).stream());
  served = [];
  plane = await startDataPlane({
    host: "127.0.0.1",
    port: 0,
    domain: "test.local",
    publicScheme: "http",
    upstreams: { connectTimeoutMs: 2000, idleMs: 4000, perAddress: 8 },
    limits: DEFAULT_PROXY_LIMITS,
    timers: systemTimers,
    gossip: null,
    chainOf: () => GUARD,
    sites: new SiteReader({
      objects,
      bucket: "sites",
      timers: systemTimers,
      onProblem: () => undefined,
      cacheBytes: 1e6,
    }),
    onServed: (one) => served.push(one),
  });
  const route: Route = v.parse(RouteSchema, { host: HOST, projectId: "project" });
  const release = {
    projectId: "project",
    ready: [],
    files: { manifest: MANIFEST, probeToken: TOKEN },
  };
  plane.setBackends(new Map([["first", release]]));
  plane.setRoutes({
    ...EMPTY_ROUTE_TABLE,
    routes: new Map([[HOST, route]]),
    live: new Map([["project", "first"]]),
  });
});

afterEach(() => plane.stop(0));

async function ask(host: string, field: string, target = "/"): Promise<string> {
  const c = await rawClient(plane.listener.port);
  c.send(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n${field}\r\nConnection: close\r\n\r\n`);
  return c.closed();
}

const OWN_HOST = "first.test.local";

test.each([
  [HOST, "x-word: none", 401],
  [HOST, "x-word: sesame", 200],
  [OWN_HOST, "x-word: none", 401],
  [OWN_HOST, "x-word: sesame", 200],
  [OWN_HOST, `${SITE_PROBE_HEADER}: ${TOKEN}`, 200],
  [OWN_HOST, `${SITE_PROBE_HEADER}: a-token-for-probez`, 401],
  [OWN_HOST, `${SITE_PROBE_HEADER}: x`, 401],
  [HOST, `${SITE_PROBE_HEADER}: ${TOKEN}`, 401],
])("%s with %s is answered %i", async (host, field, status) => {
  expect(await ask(host, field)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
});

test("what policies add is on files and on the pages in their place", async () => {
  expect(await ask(HOST, "x-word: sesame")).toContain("x-seen: yes");
  const missing = await ask(HOST, "x-word: sesame", "/none");
  expect(missing).toMatch(/^HTTP\/1\.1 404 /);
  expect(missing).toContain("x-seen: yes");
});

test("each request is told of with its release, and with no replica", async () => {
  await ask(HOST, "x-word: sesame");
  expect(served).toMatchObject([
    {
      status: 200,
      deploymentId: "first",
      projectId: "project",
      address: null,
      upstreamMs: null,
      page: null,
      end: "complete",
    },
  ]);
});
