/** A policy from the API to two gateways and back: real clients, the security rules, the Cloud Storage stand-in. */
import { createHash } from "node:crypto";
import { apiService } from "@bifrost/functions/api/service";
import { TestPlatform } from "@bifrost/functions/testing/test-platform";
import { followPolicies } from "@bifrost/gateway/policies/follow-policies";
import { PolicyLog } from "@bifrost/gateway/policies/policy-log";
import { ScriptLoader } from "@bifrost/gateway/policies/script-loader";
import { NO_POLICIES, type PolicySet } from "@bifrost/gateway/workers/policy-runtime";
import { NO_TABLES } from "@bifrost/gateway/workers/tables";
import { PolicyFaults } from "@bifrost/gateway/workers/policy-faults";
import type { PolicyDetails, PolicyLogView } from "@bifrost/shared/api/policies";
import { connectFirestore } from "@bifrost/shared/cloud/connect-firestore";
import { FirestorePolicySource } from "@bifrost/shared/cloud/firestore-policy-source";
import { FirestorePolicyStore } from "@bifrost/shared/cloud/firestore-policy-store";
import { storageObjectStore } from "@bifrost/shared/cloud/storage-object-store";
import { EMPTY_ROUTE_TABLE } from "@bifrost/shared/domain/route";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type RunningStorage, startStorage } from "../../local/src/storage/index.ts";
import { OWNER_TOKEN, PROJECT_ID, World } from "./firestore-world.ts";

const BUCKET = "policies";
const base = { timers: systemTimers, log: silentLogger };

let world: World;
let storage: RunningStorage;
const stops: (() => Promise<void>)[] = [];
beforeAll(async () => {
  world = await World.start();
  storage = await startStorage({ port: 0, ...base });
  await storage.ensureBucket(BUCKET);
});
afterAll(async () => {
  for (const stop of stops) await stop();
  await Promise.all([world.stop(), storage.stop()]);
});

function objectStore() {
  const endpoint = `http://127.0.0.1:${storage.port}`;
  return storageObjectStore({ projectId: PROJECT_ID, endpoint });
}

const ROUTES = {
  ...EMPTY_ROUTE_TABLE,
  teams: new Map([
    ["own", "team"],
    ["foreign", "others"],
  ]),
};

function requestTo(projectId: string) {
  const host = `${projectId}.test`;
  return { method: "GET", target: "/", host, ip: "10.0.0.1", projectId, headers: [], status: 200 };
}

/** The parent's part of a gateway; a source with the word "broken" fails its check. */
async function startGateway(nodeId: string) {
  const reader = await connectFirestore(PROJECT_ID, { host: world.address, token: OWNER_TOKEN });
  const store = new FirestorePolicyStore(world.as("gateway"));
  const policyFaults = new PolicyFaults(systemTimers, silentLogger);
  const log = new PolicyLog({ store, nodeId, ...base });
  let set: PolicySet = NO_POLICIES;
  const triedOn: string[] = [];
  const stop = followPolicies({
    alerts: null,
    policies: {
      standard: [],
      stored: {
        source: new FirestorePolicySource({ firestore: reader, ...base }),
        store,
        loader: new ScriptLoader({ store, objects: objectStore, bucket: BUCKET }),
        log,
        checking: {
          versions: store,
          checker: {
            async check({ script, test: tests, requests }) {
              triedOn.push(...requests.map(({ host }) => host));
              return script.source.includes("broken")
                ? { passed: false, report: [`${script.name}.lua:1: broken`] }
                : { passed: true, report: [`tests: ${String(tests)}`] };
            },
          },
        },
      },
    },
    dataPlanes: {
      update: ({ policies }) => {
        set = policies ?? set;
      },
      recorded: async () => ["own", "foreign", "forgotten"].map(requestTo),
      tables: () => ({ ...NO_TABLES, policies: set, routes: ROUTES }),
    },
    policyFaults,
    ...base,
  });
  stops.push(async () => {
    await stop();
    await reader.terminate();
  });
  const served = () =>
    set.scripts.map(({ name, version }) => {
      const key = `${name}@${version}`;
      return set.disabled.has(key) ? `${key} disabled` : key;
    });
  return { policyFaults, log, served, triedOn };
}

/** The public API, called as somebody who may deploy. */
function startApi() {
  const platform = new TestPlatform();
  const key = createHash("sha256").update("bfk_ada").digest("hex");
  platform.people.set(key, { uid: "ada", teamIds: ["team"], scopes: ["read", "deploy"] });
  const policies = new FirestorePolicyStore(world.as("api"));
  const service = apiService({ ...platform.ports, policies, objects: objectStore });
  return async <Body>(method: string, path: string, body?: object): Promise<Answer<Body>> => {
    const answer = await service(
      new Request(`http://api.test/v1/policies${path}`, {
        method,
        headers: { authorization: "Bearer bfk_ada" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    );
    return { status: answer.status, body: (await answer.json()) as Body };
  };
}

interface Answer<Body> {
  readonly status: number;
  readonly body: Body;
}

function eventually(check: () => Promise<void> | void): Promise<void> {
  return vi.waitFor(check, { timeout: 20_000, interval: 20 });
}

test("a policy is pushed, checked, served by every gateway, and reverted by itself when it fails", async () => {
  const gateways = [await startGateway("one"), await startGateway("two")] as const;
  const api = startApi();
  const read = async () => (await api<PolicyDetails>("GET", "/limits")).body;
  const push = (source: string) =>
    api<object>("POST", "", { name: "limits", source, test: "-- test" });
  const untilServed = (expected: readonly string[]) =>
    eventually(() => {
      for (const { served } of gateways) expect(served()).toEqual(expected);
    });
  const untilJudged = (version: number) =>
    eventually(async () => {
      const found = (await read()).versions.find((one) => one.version === version);
      expect(found?.verdict).not.toBe("pending");
    });

  for (const version of [1, 2]) {
    expect((await push(`-- ${version}`)).status).toBe(201);
    await untilJudged(version);
    expect((await api("POST", "/limits/activate", { version })).status).toBe(200);
    await untilServed([`limits@${version}`]);
  }
  expect((await read()).versions[0]).toMatchObject({
    verdict: "passed",
    report: ["tests: -- test"],
  });
  // A team's script, and the reports on it, see nothing of what others were asked.
  expect(new Set(gateways.flatMap(({ triedOn }) => triedOn))).toEqual(new Set(["own.test"]));

  await push("broken");
  await untilJudged(3);
  const refused = await api("POST", "/limits/activate", { version: 3 });
  expect(refused).toMatchObject({
    status: 409,
    body: { facts: { report: ["limits.lua:1: broken"] } },
  });

  const fault = { kind: "budget" as const, script: "limits", line: 7, message: "ran for too long" };
  // Both notice at once; it is written once.
  for (const { policyFaults } of gateways)
    policyFaults.add({ ...fault, version: 2, stack: "in on_request" });
  await untilServed(["limits@1"]);
  await eventually(async () => {
    const { activeVersion, fault: why, history } = await read();
    expect({ activeVersion, why }).toEqual({
      activeVersion: 1,
      why: "limits:7: ran for too long (budget)",
    });
    expect(history.filter(({ what }) => what === "reverted")).toHaveLength(1);
  });
  gateways[0].policyFaults.add({ ...fault, version: 1, stack: null });
  await untilServed(["limits@1 disabled"]);

  gateways[1].log.add({ script: "limits", version: 1, text: "said by the script" });
  await eventually(async () => {
    const { items } = (await api<{ items: PolicyLogView[] }>("GET", "/limits/logs")).body;
    const texts = items.flatMap(({ lines }) => lines.map(({ text }) => text));
    expect(texts).toContain("said by the script");
    expect(texts.filter((text) => text.startsWith("version 2 was taken out"))).toHaveLength(2);
  });

  expect((await api("DELETE", "/limits")).status).toBe(200);
  await untilServed([]);
});
