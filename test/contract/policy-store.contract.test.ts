/** Policies as documents: what every store does, and what the security rules let whom write. */
import { FirestorePolicyStore } from "@bifrost/shared/cloud/firestore-policy-store";
import type { Policy, PolicyVersion } from "@bifrost/shared/domain/policy";
import {
  activated,
  faulted,
  judged,
  newPolicy,
  pushed,
  reverted,
} from "@bifrost/shared/domain/policy-changes";
import { systemTimers } from "@bifrost/shared/domain/time";
import type { Versioned } from "@bifrost/shared/ports/deployment-store";
import type { PolicyStore } from "@bifrost/shared/ports/policy-store";
import { newPolicyVersion } from "@bifrost/shared/testing/fixtures";
import { MemoryPolicyStore } from "@bifrost/shared/testing/memory-policy-store";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { present, SERVICES, World } from "./firestore-world.ts";

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world.stop());

const DENIED = { code: "permission-denied" };
const CONFLICT = { code: "write-conflict" };
const at = new Date("2026-01-01T00:00:00.000Z");
const BY_ADA = { by: "ada", at };

/** Two principals of one store: who writes policies, and who runs them. */
interface Stores {
  readonly api: PolicyStore;
  readonly gateway: PolicyStore;
}

const STORES: readonly (readonly [string, () => Stores])[] = [
  [
    "Firestore",
    () => ({
      api: new FirestorePolicyStore(world.as("api")),
      gateway: new FirestorePolicyStore(world.as("gateway")),
    }),
  ],
  [
    "memory",
    () => {
      const store = new MemoryPolicyStore(systemTimers);
      return { api: store, gateway: store };
    },
  ],
];

let names = 0;
function draft(changes: Partial<Policy> = {}): Policy {
  const name = `policy-${++names}`;
  return { ...newPolicy({ name, kind: "request", teamId: "red" }, at), ...changes };
}

function batch(id: string) {
  return { id, lines: [{ at, version: 1, text: `line ${id}` }] };
}

/** Stores another version. */
async function push(store: PolicyStore, name: string, changes: Partial<PolicyVersion> = {}) {
  const current = await store.read(name);
  const policy = current?.value ?? { ...draft(), name };
  const version = newPolicyVersion({ version: policy.nextVersion, ...changes });
  await store.addVersion(current, pushed(policy, BY_ADA), version, []);
  return reload(store, name);
}

async function activate(store: PolicyStore, name: string, version: number) {
  const current = await reload(store, name);
  await store.change(current, activated(current.value, version, BY_ADA));
  return reload(store, name);
}

async function reload(store: PolicyStore, name: string): Promise<Versioned<Policy>> {
  return present(await store.read(name));
}

describe.each(STORES)("policies in %s", (_name, open) => {
  it("come with their first version and keep every later one", async () => {
    const { api } = open();
    const { name } = draft();
    expect(await api.read(name)).toBeNull();
    await push(api, name);
    const second = newPolicyVersion({ version: 2, testObject: "t", hash: "b".repeat(64) });
    await push(api, name, second);
    expect((await api.versions(name)).map(({ version }) => version)).toEqual([2, 1]);
    expect((await api.readVersion(name, 2))?.value).toEqual(second);
    expect(await api.readVersion(name, 3)).toBeNull();
    const { value } = await reload(api, name);
    expect(value).toMatchObject({ nextVersion: 3, activeVersion: null, teamId: "red" });
    expect(value.history).toHaveLength(2);
  });

  it("are pushed and changed by one at a time", async () => {
    const { api } = open();
    const { name } = draft();
    const current = await push(api, name);
    const race = [2, 3].map((digit) =>
      api.addVersion(
        current,
        pushed(current.value, BY_ADA),
        newPolicyVersion({ version: 2, hash: String(digit).repeat(64) }),
        [],
      ),
    );
    const outcomes = await Promise.allSettled(race);
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    const late = activated(current.value, 1, BY_ADA);
    await expect(api.change(current, late)).rejects.toMatchObject(CONFLICT);
    const again = { ...newPolicyVersion(), version: 9 };
    const create = api.addVersion(null, pushed(current.value, BY_ADA), again, []);
    await expect(create).rejects.toMatchObject(CONFLICT);
  });

  it("lose the versions that are dropped, and only those", async () => {
    const { api } = open();
    const { name } = draft();
    await push(api, name);
    await push(api, name);
    const current = await reload(api, name);
    const next = pushed(current.value, BY_ADA);
    await api.addVersion(current, next, newPolicyVersion({ version: 3 }), [1]);
    expect((await api.versions(name)).map(({ version }) => version)).toEqual([3, 2]);
  });

  it("are judged once, by whoever is first", async () => {
    const { api, gateway } = open();
    const { name } = draft();
    await push(api, name);
    const read = present(await gateway.readVersion(name, 1));
    const passed = judged(read.value, { passed: true, report: ["3 tests passed"] }, at);
    await gateway.changeVersion(name, read, passed);
    const second = judged(read.value, { passed: false, report: ["no"] }, at);
    await expect(gateway.changeVersion(name, read, second)).rejects.toMatchObject(CONFLICT);
    expect((await api.readVersion(name, 1))?.value).toEqual(passed);
  });

  it("are reverted by the gateway after a fault, with the reason in the history", async () => {
    const { api, gateway } = open();
    const { name } = draft();
    await push(api, name);
    await push(api, name);
    await activate(api, name, 1);
    await activate(api, name, 2);
    const fault = { by: "gateway", at, why: "line 3" };
    const read = await reload(gateway, name);
    await gateway.change(read, faulted(read.value, fault));
    const back = await reload(gateway, name);
    expect(back.value).toMatchObject({ activeVersion: 1, formerVersions: [], fault: "line 3" });
    await gateway.change(back, faulted(back.value, fault));
    const off = (await reload(api, name)).value;
    expect(off).toMatchObject({ activeVersion: null, fault: "line 3" });
    expect(off.history.slice(-2).map(({ what }) => what)).toEqual(["reverted", "disabled"]);
  });

  it("are listed by team, with those of the platform", async () => {
    const { api } = open();
    const [red, blue, all] = [draft({ teamId: "list-red" }), draft(), draft({ teamId: null })];
    for (const policy of [red, blue, all])
      await api.addVersion(null, pushed(policy, BY_ADA), newPolicyVersion(), []);
    const listed = (await api.list(["list-red"])).map(({ name }) => name);
    expect(listed).toContain(red.name);
    expect(listed).toContain(all.name);
    expect(listed).not.toContain(blue.name);
  });

  it("are deleted with their versions and their log", async () => {
    const { api, gateway } = open();
    const { name } = draft();
    const before = await push(api, name);
    await push(api, name);
    const later = new Date(systemTimers.now() + 60_000);
    await gateway.addLog(name, { id: "1", lines: [] }, later);
    await expect(api.delete(before)).rejects.toMatchObject(CONFLICT);
    expect(await api.versions(name)).toHaveLength(2);
    await api.delete(await reload(api, name));
    expect(await api.read(name)).toBeNull();
    expect(await api.versions(name)).toEqual([]);
    expect(await api.log(name, { limit: 5 })).toEqual([]);
  });

  it("keep what their scripts log, in order, and go on where a reader left", async () => {
    const { api, gateway } = open();
    const { name } = draft();
    await push(api, name);
    const later = new Date(systemTimers.now() + 60_000);
    for (const id of ["2", "1", "3"]) await gateway.addLog(name, batch(id), later);
    const ids = async (query: { limit: number; after?: string }) =>
      (await api.log(name, query)).map(({ id }) => id);
    expect(await ids({ limit: 2 })).toEqual(["2", "3"]);
    expect(await ids({ limit: 2, after: "1" })).toEqual(["2", "3"]);
    expect(await ids({ limit: 5, after: "3" })).toEqual([]);
    expect(await api.log(name, { limit: 1 })).toEqual([batch("3")]);
  });

  it("of the platform are attached by one at a time", async () => {
    const { api } = open();
    const { name } = draft();
    const before = await api.platformPolicies();
    const attached = [{ policy: name, config: { rate: 0.5, hosts: ["a"], open: true, by: "ip" } }];
    await api.setPlatformPolicies(before, attached);
    const lost = api.setPlatformPolicies(before, []);
    await expect(lost).rejects.toMatchObject(CONFLICT);
    const now = await api.platformPolicies();
    expect(now.value).toEqual(attached);
    expect(await api.uses(name)).toEqual(["the platform"]);
    await api.setPlatformPolicies(now, []);
    expect(await api.uses(name)).toEqual([]);
  });
});

describe("where a policy is attached", () => {
  it("is found in projects, in routes and in their paths", async () => {
    const { value: project } = await world.project();
    const current = await world.reloadProject(project.id);
    const policies = [{ policy: "used", config: {} }];
    await world.projects("api").attach(current, policies);
    expect((await world.reloadProject(project.id)).value.policies).toEqual(policies);
    const route = { projectId: project.id, targets: [] };
    const paths = [{ prefix: "/a", policies }, { prefix: "/b" }];
    await world.as("api").commit([
      { set: "routes/all.test", fields: { ...route, host: "all.test", policies } },
      { set: "routes/path.test", fields: { ...route, host: "path.test", paths } },
    ]);
    const store = new FirestorePolicyStore(world.as("api"));
    expect(await store.uses("used")).toEqual([
      `project ${project.slug}`,
      "route all.test",
      "route path.test",
    ]);
    expect(await store.uses("unused")).toEqual([]);
    const stale = world.projects("api").attach(current, []);
    await expect(stale).rejects.toMatchObject(CONFLICT);
  });
});

describe("the rules", () => {
  it("let only the gateway judge and revert, and only api do the rest", async () => {
    const api = new FirestorePolicyStore(world.as("api"));
    const { name } = draft();
    await push(api, name);
    const current = await activate(api, name, 1);
    const version = present(await api.readVersion(name, 1));
    const passed = judged(version.value, { passed: true, report: [] }, at);
    const off = faulted(current.value, { by: "gateway", at, why: "x" });
    const tries = (service: string): Readonly<Record<string, () => Promise<void>>> => {
      const store = new FirestorePolicyStore(world.as(service));
      return {
        judge: () => store.changeVersion(name, version, passed),
        "revert for a person": () => store.change(current, reverted(current.value, BY_ADA)),
        "revert after a fault": () => store.change(current, off),
        delete: () => store.delete(current),
      };
    };
    const everything = ["judge", "revert for a person", "revert after a fault", "delete"];
    const allowed: Readonly<Record<string, readonly string[]>> = {
      api: ["revert for a person", "revert after a fault", "delete"],
      gateway: ["judge", "revert after a fault"],
    };
    for (const service of SERVICES) {
      for (const what of everything.filter((one) => allowed[service]?.includes(one) !== true))
        await expect(tries(service)[what]?.()).rejects.toMatchObject(DENIED);
    }
    await new FirestorePolicyStore(world.as("gateway")).change(current, off);
  });
});
