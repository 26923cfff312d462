/** The gateway's Firestore adapters against the embedded Firestore. */
import * as v from "valibot";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Firestore } from "@google-cloud/firestore";
import {
  clientFor,
  PROJECT,
  startTestFirestore,
} from "@bifrost/local/firestore/testing/firestore-fixture";
import type { RunningFirestore } from "@bifrost/local/firestore/index";
import { FirestoreReplicaStore } from "@bifrost/shared/cloud/firestore-replica-store";
import { FirestoreRest } from "@bifrost/shared/cloud/firestore-rest";
import { connectFirestore } from "@bifrost/shared/cloud/connect-firestore";
import { FirestoreConfigSource } from "@bifrost/shared/cloud/firestore-config-source";
import { policyReferenceSchema } from "@bifrost/shared/domain/policy";
import { EMPTY_ROUTE_TABLE, type RouteTable } from "@bifrost/shared/domain/route";
import { replicaOf } from "@bifrost/shared/domain/telemetry";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { routesFromConfig } from "./routing/routes-from-config.ts";
import { sampleLine } from "./testing/sample-line.ts";
import { eventually } from "./testing/test-gateway.ts";

let server: RunningFirestore;
let writer: Firestore;
let reader: Firestore;

beforeEach(async () => {
  server = await startTestFirestore();
  writer = clientFor(server);
  reader = await connectFirestore(PROJECT, { host: `127.0.0.1:${server.port}`, token: "owner" });
});

afterEach(async () => {
  await Promise.all([writer.terminate(), reader.terminate()]);
  await server.stop();
});

function configSource(): FirestoreConfigSource {
  return new FirestoreConfigSource({ firestore: reader, timers: systemTimers, log: silentLogger });
}

test("routes and live pointers arrive as one table and follow every change", async () => {
  await writer.doc("routes/shop.test").set({ host: "shop.test", projectId: "p", targets: [] });
  await writer.doc("routes/bad.test").set({ host: "bad.test", projectId: 7 });
  await writer.doc("projects/p").set({ name: "Shop", liveDeploymentId: null });
  let table: RouteTable = EMPTY_ROUTE_TABLE;
  const routes = routesFromConfig(configSource(), silentLogger);
  const stop = routes.watch((next) => (table = next));
  await eventually("the first table is there", () => table.routes.size > 0);
  expect([...table.routes.keys()]).toEqual(["shop.test"]);
  expect(table.live.size).toBe(0);
  await writer.doc("projects/p").update({ liveDeploymentId: "abcdefghij" });
  await eventually("the pointer moved", () => table.live.get("p") === "abcdefghij");
  expect(table.former.size).toBe(0);
  const next = { liveDeploymentId: "bcdefghijk", formerDeploymentId: "abcdefghij" };
  await writer.doc("projects/p").update(next);
  await eventually("it moved again", () => table.live.get("p") === "bcdefghijk");
  expect(table.former.get("p")).toBe("abcdefghij");
  const targets = [{ deploymentId: "abcdefghij", weight: 1 }];
  await writer.doc("routes/shop.test").update({ targets });
  await eventually("the split is there", () => table.routes.get("shop.test")?.targets.length === 1);
  await writer.doc("routes/shop.test").delete();
  await eventually("the route is gone", () => table.routes.size === 0);
  stop();
});

test("what cannot be read stays what it was, and closes the door where nothing was known", async () => {
  const attached = [{ policy: "our-limits", config: {} }];
  const projects = writer.collection("projects");
  await writer.doc("routes/shop.test").set({ host: "shop.test", projectId: "p", targets: [] });
  await projects.doc("known").set({ policies: attached });
  await projects.doc("broken").set({ policies: "none" });
  await projects.doc("without").set({ name: "x" });
  await writer.doc("settings/gateway").set({ policies: attached });
  let table: RouteTable = EMPTY_ROUTE_TABLE;
  let told = 0;
  const source = routesFromConfig(configSource(), silentLogger);
  const stop = source.watch((next) => (told++, (table = next)));
  await eventually("the first table is there", () => table.projectPolicies.size === 3);
  const first = table;
  expect(first.projectPolicies.get("without")).toEqual([]);
  const [unreadable] = first.projectPolicies.get("broken") ?? [];
  expect(v.safeParse(policyReferenceSchema, unreadable?.policy).success).toBe(false);

  const before = told;
  await projects.doc("known").update({ policies: [{ policy: "Not A Name" }] });
  await writer.doc("settings/gateway").update({ policies: 7 });
  await writer.doc("routes/shop.test").update({ targets: "all" });
  await projects.doc("without").update({ liveDeploymentId: "abcdefghij" });
  await eventually("all four changes are heard", () => told >= before + 4);
  expect(table.live.get("without")).toBe("abcdefghij");
  expect(table.projectPolicies).toBe(first.projectPolicies);
  expect(table.platformPolicies).toBe(first.platformPolicies);
  expect(table.routes).toBe(first.routes);

  await projects.doc("broken").update({ policies: attached });
  await eventually("a list that can be read again counts", () => {
    return table.projectPolicies.get("broken")?.[0]?.policy === "our-limits";
  });
  stop();
});

const collectorToken = () => Promise.resolve("user-collector");

test("a replica is stored with its time as a timestamp, replaced as a whole and removed", async () => {
  const baseUrl = `http://127.0.0.1:${server.port}`;
  const store = new FirestoreReplicaStore(
    new FirestoreRest({ baseUrl, projectId: PROJECT, token: collectorToken }),
  );
  const path = "deployments/abcdefghij/replicas/pod-1";
  const first = await store.put("abcdefghij", replicaOf(sampleLine({ seq: 1 }), 0), null);
  const last = sampleLine({ seq: 2, passes: 2, at: 1_700_000_000_123 });
  const version = await store.put("abcdefghij", replicaOf(last, 0), first);
  const stored = (await writer.doc(path).get()).data();
  expect(stored?.["at"].toMillis()).toBe(1_700_000_000_123);
  expect(stored).toMatchObject({ pod: "pod-1", seq: 2, consecutivePasses: 2, lastResult: "ok" });
  await store.remove("abcdefghij", "pod-1", version);
  await store.remove("abcdefghij", "pod-1", version);
  expect((await writer.doc(path).get()).exists).toBe(false);
});
