import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemTimers } from "../domain/time.ts";
import type { BackendTable } from "../ports/backend-source.ts";
import { silentLogger } from "../ports/logger.ts";
import { backendsIn, regionOf, KubernetesEndpoints } from "./kubernetes-endpoints.ts";

function slice(name: string, deployment: string, version: string, ready: Record<string, boolean>) {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name,
      namespace: "apps",
      resourceVersion: version,
      labels: {
        "bifrost.dev/deployment": deployment,
        "bifrost.dev/memory-bytes": "134217728",
      },
    },
    addressType: "IPv4",
    ports: [{ name: "http", port: 8080 }],
    endpoints: Object.entries(ready).map(([ip, isReady]) => ({
      addresses: [ip],
      conditions: { ready: isReady },
    })),
  };
}

let folder: string;
let server: Server;
let listed: object[] = [];
let lists = 0;
let watches: { response: ServerResponse; query: URLSearchParams }[] = [];
let latest: BackendTable = new Map();
let stop: () => void;

beforeEach(async () => {
  lists = 0;
  watches = [];
  listed = [];
  server = createServer((request, response) => {
    const url = new URL(request.url ?? "", "http://x");
    response.setHeader("content-type", "application/json");
    if (url.searchParams.get("watch") === "true") {
      response.flushHeaders();
      watches.push({ response, query: url.searchParams });
      return;
    }
    lists++;
    response.end(
      JSON.stringify({
        apiVersion: "discovery.k8s.io/v1",
        kind: "EndpointSliceList",
        metadata: { resourceVersion: `${lists}00` },
        items: listed,
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  folder = mkdtempSync(join(tmpdir(), "bifrost-endpoints-"));
  const { port } = server.address() as AddressInfo;
  const kubeconfig = join(folder, "config");
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      clusters: [
        {
          name: "c",
          cluster: { server: `http://127.0.0.1:${port}`, "insecure-skip-tls-verify": true },
        },
      ],
      users: [{ name: "u", user: {} }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
      "current-context": "x",
    }),
  );
  listed = [slice("a", "first", "99", { "10.0.0.1": true, "10.0.0.2": false })];
  const source = new KubernetesEndpoints({ kubeconfig, timers: systemTimers, log: silentLogger });
  stop = source.watch((table) => (latest = table));
});

afterEach(() => {
  stop();
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true });
});

async function eventually(condition: () => boolean): Promise<void> {
  const end = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`in vain; last table: ${JSON.stringify([...latest])}`);
    await systemTimers.sleep(10);
  }
}

function send(type: string, object: object): void {
  watches.at(-1)?.response.write(`${JSON.stringify({ type, object })}\n`);
}

const addresses = (id: string) => (latest.get(id)?.ready ?? []).map((one) => one.address).join(",");

test("the list, then every change of the watch from the list's version", async () => {
  await eventually(() => addresses("first") === "10.0.0.1:8080" && watches.length === 1);
  expect(watches[0]?.query.get("resourceVersion")).toBe("100");
  expect(watches[0]?.query.get("labelSelector")).toBe("bifrost.dev/deployment");
  send("MODIFIED", slice("a", "first", "101", { "10.0.0.1": true, "10.0.0.2": true }));
  await eventually(() => addresses("first") === "10.0.0.1:8080,10.0.0.2:8080");
  send("ADDED", slice("b", "second", "102", { "10.0.0.3": true }));
  await eventually(() => addresses("second") === "10.0.0.3:8080");
  send("DELETED", slice("a", "first", "103", {}));
  await eventually(() => !latest.has("first"));
});

test("a watch the server ends goes on from the last version, without a list", async () => {
  await eventually(() => watches.length === 1);
  send("BOOKMARK", slice("", "", "150", {}));
  watches[0]?.response.end();
  await eventually(() => watches.length === 2);
  expect(watches[1]?.query.get("resourceVersion")).toBe("150");
  expect(lists).toBe(1);
});

test("a version that is gone leads to a new list", async () => {
  await eventually(() => watches.length === 1);
  listed = [slice("c", "third", "190", { "10.0.0.9": true })];
  send("ERROR", { kind: "Status", code: 410, reason: "Expired" });
  watches[0]?.response.end();
  await eventually(() => addresses("third") === "10.0.0.9:8080");
  expect(latest.has("first")).toBe(false);
});

test("a broken connection leads to a new list, the last table stays meanwhile", async () => {
  await eventually(() => watches.length === 1);
  watches[0]?.response.destroy();
  await eventually(() => lists === 2 && watches.length === 2);
  expect(addresses("first")).toBe("10.0.0.1:8080");
});

test("slices of one deployment are joined; unknown readiness counts as ready; IPv6 is bracketed", () => {
  const base = slice("x", "d", "1", { "10.0.0.2": true });
  const six = {
    ...base,
    addressType: "IPv6",
    endpoints: [
      {
        addresses: ["fd00::1"],
        conditions: {},
        targetRef: { name: "pod-6" },
        zone: "us-central1-a",
        nodeName: "machine-1",
      },
    ],
  };
  const unlabelled = { ...base, metadata: { name: "y" } };
  expect([...backendsIn([base, six, unlabelled])]).toEqual([
    [
      "d",
      {
        projectId: "",
        memoryLimitBytes: 134217728,
        ready: [
          { address: "10.0.0.2:8080", replica: "" },
          {
            address: "[fd00::1]:8080",
            replica: "pod-6",
            region: "us-central1",
            host: "machine-1",
          },
        ],
      },
    ],
  ]);
});

test.each([
  ["us-central1-a", "us-central1"],
  ["westeurope-1", "westeurope"],
  ["us-east-1a", "us-east-1"],
  ["here", "here"],
  ["", ""],
])("zone %j is in region %j", (zone, region) => {
  expect(regionOf(zone)).toBe(region);
});
