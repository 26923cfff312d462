/** Against the embedded Firestore under the product's own rules, as the principal `gateway`. */
import { readFileSync } from "node:fs";
import {
  clientFor,
  PROJECT,
  startTestFirestore,
  temporaryDirectory,
} from "@bifrost/local/firestore/testing/firestore-fixture";
import { compileRules } from "@bifrost/local/firestore/rules/compile";
import type { RunningFirestore } from "@bifrost/local/firestore/index";
import { FirestoreNodeRendezvous } from "@bifrost/shared/cloud/firestore-node-rendezvous";
import { FirestoreRest } from "@bifrost/shared/cloud/firestore-rest";
import { systemTimers } from "@bifrost/shared/domain/time";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { keptLog } from "../testing/logged.ts";
import { freePort } from "../testing/programs.ts";
import { discoveryContract, type MethodRig } from "./discovery.contract.ts";
import type { DiscoveryBasics } from "./parts.ts";
import { FirestoreDiscovery } from "./firestore.ts";

const HEARTBEAT_MS = 100;
const WAIT = { timeout: 10_000, interval: 10 } as const;
const SERVICE = "bifrost-cluster";
const rules = compileRules(
  readFileSync(new URL("../../../firestore.rules", import.meta.url), "utf8"),
);

interface Place {
  readonly server: RunningFirestore;
  stop(): Promise<void>;
  start(): Promise<void>;
  close(): Promise<void>;
}

/** Accepts the names of services as their tokens. */
function verifyServiceToken(name: string) {
  const exp = Date.now() / 1000 + 3600;
  return Promise.resolve({ uid: `svc:${name}`, token: { svc: name, sub: `svc:${name}`, exp } });
}

async function startPlace(): Promise<Place> {
  const folder = temporaryDirectory();
  const options = {
    rules,
    verifyIdToken: verifyServiceToken,
    port: await freePort(),
    dataDir: folder.path,
  };
  let server = await startTestFirestore(options);
  return {
    get server() {
      return server;
    },
    stop: () => server.stop(),
    async start() {
      server = await startTestFirestore(options);
    },
    async close() {
      await server.stop();
      folder.remove();
    },
  };
}

function firestoreDiscovery(port: number, basics: DiscoveryBasics, principal = "gateway") {
  const firestore = new FirestoreRest({
    baseUrl: `http://127.0.0.1:${port}`,
    projectId: PROJECT,
    token: () => Promise.resolve(principal),
  });
  const config = {
    type: "firestore",
    serviceName: SERVICE,
    bindPort: 10101,
    dialTimeoutMs: 2000,
    allowedAddressSpace: [],
  } as const;
  return new FirestoreDiscovery(
    config,
    basics,
    new FirestoreNodeRendezvous(firestore),
    HEARTBEAT_MS,
  );
}

async function firestoreRig(): Promise<MethodRig> {
  const place = await startPlace();
  const { port } = place.server;
  return {
    addressOf: (name) => `https://gateway-${name}.example`,
    make: (_, basics) => firestoreDiscovery(port, basics),
    backend: place,
    async rubbish() {
      const client = clientFor(place.server);
      const seenAt = new Date(Date.now() + 60_000);
      const nodes = client.collection("gatewayNodes");
      await nodes.doc("no-address").set({ serviceName: SERVICE, seenAt });
      await nodes.doc("no-time").set({ serviceName: SERVICE, address: "10.0.0.1:1" });
      await nodes.doc("no-node").set({ serviceName: SERVICE, address: "a b", seenAt });
      await nodes.doc("long").set({ serviceName: SERVICE, address: "x".repeat(9999), seenAt });
      await nodes.doc("elsewhere").set({ serviceName: "other", address: "10.0.0.2:1", seenAt });
      await client.terminate();
    },
    close: () => place.close(),
  };
}

discoveryContract("firestore", firestoreRig, { missing: null, hasBackend: true });

let place: Place;
const stops: (() => Promise<void>)[] = [];
beforeEach(async () => {
  place = await startPlace();
});
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
  await place.close();
});

async function startNode(principal?: string) {
  const { log, lines } = keptLog();
  const basics = { log, timers: systemTimers, random: Math.random };
  const node = firestoreDiscovery(place.server.port, basics, principal);
  stops.push(() => node.stop());
  let found: readonly string[] = [];
  const onFound = (addresses: readonly string[]): void => void (found = addresses);
  await node.start({ nodeId: "a", address: "https://gateway-a.example" }, { onFound });
  const finds = (...wanted: readonly string[]) =>
    vi.waitFor(() => expect(found).toEqual(wanted), WAIT);
  return { node, lines, finds };
}

test("a node that says nothing any more is forgotten, and what it left is removed in the end", async () => {
  const client = clientFor(place.server);
  const crashed = client.doc("gatewayNodes/crashed");
  const fields = { serviceName: SERVICE, address: "10.0.0.9:10101" };
  await crashed.set({ ...fields, seenAt: new Date() });
  const { finds } = await startNode();
  await finds("10.0.0.9:10101");
  await finds();
  expect((await crashed.get()).exists).toBe(true);
  await crashed.set({ ...fields, seenAt: new Date(Date.now() - 3_700_000) });
  await vi.waitFor(async () => expect((await crashed.get()).exists).toBe(false), WAIT);
  await client.terminate();
});

test("a hundred that left without a word are removed a few at a time, between heartbeats", async () => {
  const client = clientFor(place.server);
  const nodes = client.collection("gatewayNodes");
  const seenAt = new Date(Date.now() - 3_700_000);
  const batch = client.batch();
  for (let at = 0; at < 100; at++)
    batch.set(nodes.doc(`old-${at}`), {
      serviceName: SERVICE,
      address: `10.0.0.9:${at + 1}`,
      seenAt,
    });
  await batch.commit();
  let left = Infinity;
  const heartbeats = new Set<number>();
  const stopWatching = nodes.onSnapshot(({ docs }) => {
    left = docs.length;
    const own = docs.find(({ id }) => id === "a")?.updateTime.toMillis();
    if (own !== undefined && left > 1) heartbeats.add(own);
  });
  await startNode();
  await vi.waitFor(() => expect(left).toBe(1), WAIT);
  stopWatching();
  expect(heartbeats.size).toBeGreaterThan(2);
  await client.terminate();
});

test("stopping withdraws the node", async () => {
  const client = clientFor(place.server);
  const { node } = await startNode();
  expect((await client.doc("gatewayNodes/a").get()).data()).toMatchObject({
    serviceName: SERVICE,
    address: "https://gateway-a.example",
  });
  await node.stop();
  expect((await client.doc("gatewayNodes/a").get()).exists).toBe(false);
  await client.terminate();
});

test("another principal than the gateway may not enter, and is told so", async () => {
  const { node, lines } = await startNode("collector");
  expect(node.problem()).toContain("discovery failed: ");
  expect(lines[0]?.fields["remedy"]).toContain("principal gateway");
});
