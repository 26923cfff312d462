import {
  firestoreDeliveryLog,
  firestoreIdempotencyLog,
} from "@bifrost/shared/cloud/firestore-delivery-log";
import { FirestoreReplicaStore } from "@bifrost/shared/cloud/firestore-replica-store";
import { firestoreTeamDirectory } from "@bifrost/shared/cloud/firestore-team-directory";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { newReplica } from "@bifrost/shared/testing/fixtures";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { present, SERVICES, World } from "./firestore-world.ts";

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world.stop());

const DENIED = { code: "permission-denied" };

describe("projects", () => {
  it("are created with their route by api alone", async () => {
    const draft = world.draftProject();
    for (const service of SERVICES.filter((name) => name !== "api")) {
      const create = world.projects(service).create(draft, `${draft.slug}.localhost`);
      await expect(create).rejects.toMatchObject(DENIED);
    }
    await world.projects("api").create(draft, `${draft.slug}.localhost`);
    const { value } = await world.reloadProject(draft.id);
    const { createdAt, updatedAt } = value;
    expect(value).toEqual({ ...draft, createdAt, updatedAt });
    const route = present(await world.as("gateway").get(`routes/${draft.slug}.localhost`));
    expect(route.fields).toMatchObject({ projectId: draft.id, targets: [] });
  });

  it("are found by slug and by repository, and by nobody under another name", async () => {
    const { value } = await world.project();
    const store = world.projects("github-webhook");
    expect((await store.findByRepository(value.repository))?.value).toEqual(value);
    expect((await world.projects("api").findBySlug(value.slug))?.value).toEqual(value);
    expect(await store.findByRepository("local/no-such")).toBeNull();
  });

  it("share neither slug nor repository with another project, whatever the order of events", async () => {
    const { value } = await world.project();
    const store = world.projects("api");
    const sameSlug = world.draftProject({ slug: value.slug });
    const sameRepository = world.draftProject({ repository: value.repository });
    for (const draft of [sameSlug, sameRepository]) {
      const create = store.create(draft, `${draft.slug}.localhost`);
      await expect(create).rejects.toMatchObject({ code: "already-exists" });
    }
    const [one, other] = [world.draftProject(), world.draftProject()];
    const race = await Promise.allSettled([
      store.create(one, `${one.slug}.localhost`),
      store.create({ ...other, slug: one.slug }, `${one.slug}.localhost`),
    ]);
    expect(race.map((result) => result.status).toSorted()).toEqual(["fulfilled", "rejected"]);
  });

  it("are listed by team, sorted by slug, other teams' left out", async () => {
    const mine = [await world.project({ teamId: "red" }), await world.project({ teamId: "red" })];
    await world.project({ teamId: "blue" });
    const listed = await world.projects("api").list(["red", "no-such-team"]);
    const slugs = mine.map((project) => project.value.slug).toSorted();
    expect(listed.map((project) => project.slug)).toEqual(slugs);
    expect(await world.projects("api").list([])).toEqual([]);
  });

  it("are renamed and deleted by api, with the version that was read", async () => {
    const before = await world.project();
    const store = world.projects("api");
    await expect(world.projects("verify").rename(before, { name: "x" })).rejects.toMatchObject(
      DENIED,
    );
    await store.rename(before, { name: "New name" });
    const after = await world.reloadProject(before.value.id);
    expect(after.value.name).toBe("New name");
    const host = `${before.value.slug}.localhost`;
    await expect(store.delete(before)).rejects.toMatchObject({ code: "write-conflict" });
    await expect(world.projects("verify").delete(after)).rejects.toMatchObject(DENIED);
    await store.delete(after);
    expect(await store.read(before.value.id)).toBeNull();
    expect(await world.as("gateway").get(`routes/${host}`)).toBeNull();
  });
});

describe("answers that are kept", () => {
  it("of webhook deliveries belong to github-webhook; the first one stays", async () => {
    const log = firestoreDeliveryLog(world.as("github-webhook"));
    expect(await log.find("delivery/1")).toBeNull();
    await log.record("delivery/1", { deployment: "one" });
    await log.record("delivery/1", { deployment: "two" });
    expect(await log.find("delivery/1")).toEqual({ deployment: "one" });
    for (const service of SERVICES.filter((name) => name !== "github-webhook")) {
      const other = firestoreDeliveryLog(world.as(service));
      await expect(other.find("delivery/1")).rejects.toMatchObject(DENIED);
      await expect(other.record("delivery/2", {})).rejects.toMatchObject(DENIED);
    }
  });

  it("of idempotent requests belong to api; the first one stays", async () => {
    const log = firestoreIdempotencyLog(world.as("api"));
    const answer = { fingerprint: "f", status: 201, body: "{}" };
    await log.record("ada:key", answer);
    await log.record("ada:key", { ...answer, status: 500 });
    expect(await log.find("ada:key")).toMatchObject(answer);
    for (const service of SERVICES.filter((name) => name !== "api")) {
      const other = firestoreIdempotencyLog(world.as(service));
      await expect(other.find("ada:key")).rejects.toMatchObject(DENIED);
      await expect(other.record("new", answer)).rejects.toMatchObject(DENIED);
    }
  });
});

const key = (revokedAt: Date | null) => ({ uid: "ada", scopes: ["read", "deploy"], revokedAt });
const directory = (service: (typeof SERVICES)[number]) =>
  firestoreTeamDirectory({
    store: world.as(service),
    verifyIdToken: async (token) => {
      if (token === "bad") throw new BifrostError("unauthenticated", "a bad token");
      return { uid: token, token: {} };
    },
  });

describe("people", () => {
  beforeAll(async () => {
    await world.seeder.commit([
      { set: "apiKeys/good", fields: key(null) },
      { set: "apiKeys/old", fields: key(new Date(0)) },
      { set: "members/red_ada", fields: { teamId: "red", uid: "ada", role: "admin" } },
      { set: "members/blue_bob", fields: { teamId: "blue", uid: "bob", role: "admin" } },
    ]);
  });

  it("are found by API key with their own teams; unknown and revoked keys are nobody's", async () => {
    const found = await directory("api").byApiKeyHash("good");
    expect(found).toEqual({ uid: "ada", teamIds: ["red"], scopes: ["read", "deploy"] });
    expect(await directory("api").byApiKeyHash("old")).toBeNull();
    expect(await directory("api").byApiKeyHash("none")).toBeNull();
  });

  it("are found by ID token; a service's own token is no person", async () => {
    expect(await directory("api").byIdToken("bob")).toMatchObject({ teamIds: ["blue"] });
    expect(await directory("api").byIdToken("stranger")).toMatchObject({ teamIds: [] });
    expect(await directory("api").byIdToken("bad")).toBeNull();
    expect(await directory("api").byIdToken("svc:api")).toBeNull();
  });

  it("are looked up by their key by no other service", async () => {
    for (const service of SERVICES.filter((name) => name !== "api")) {
      await expect(directory(service).byApiKeyHash("good")).rejects.toMatchObject(DENIED);
    }
  });
});

describe("replicas", () => {
  const replica = newReplica();

  it("are put and removed by the collector, and read by verify", async () => {
    const { id } = await world.deploymentIn("running");
    const store = new FirestoreReplicaStore(world.as("collector"));
    const first = await store.put(id, replica, null);
    const second = await store.put(id, { ...replica, seq: 2 }, first);
    const found = await world.deployments("verify").replicas(id);
    expect(found).toEqual([
      {
        ...replica,
        seq: 2,
        at: new Date(replica.at),
        receivedAt: new Date(replica.receivedAt),
        expireAt: new Date(replica.expireAt),
      },
    ]);
    await store.remove(id, replica.pod, second);
    await store.remove(id, replica.pod, second);
    expect(await world.deployments("verify").replicas(id)).toEqual([]);
  });

  it("are replaced and removed only by who knows their version, and read back with it", async () => {
    const { id } = await world.deploymentIn("running");
    const store = new FirestoreReplicaStore(world.as("collector"));
    const { pod, boot, receivedAt } = replica;
    expect(await store.read(id, pod)).toBeNull();
    const first = await store.put(id, replica, null);
    const second = await store.put(id, { ...replica, seq: 2 }, first);
    for (const expected of [null, first]) {
      const late = store.put(id, { ...replica, seq: 3 }, expected);
      await expect(late).rejects.toMatchObject({ code: "write-conflict" });
    }
    await store.remove(id, pod, first);
    expect(await store.read(id, pod)).toEqual({ boot, seq: 2, receivedAt, version: second });
    await store.remove(id, pod, second);
    const gone = store.put(id, { ...replica, seq: 3 }, second);
    await expect(gone).rejects.toMatchObject({ code: "write-conflict" });
  });

  it("are not set back within one life, whatever version a write names", async () => {
    const { id } = await world.deploymentIn("running");
    const store = new FirestoreReplicaStore(world.as("collector"));
    const version = await store.put(id, { ...replica, seq: 5 }, null);
    for (const seq of [4, 5]) {
      await expect(store.put(id, { ...replica, seq }, version)).rejects.toMatchObject(DENIED);
    }
    await store.put(id, { ...replica, boot: replica.boot - 1, seq: 1 }, version);
  });

  it("are written by no other service", async () => {
    const { id } = await world.deployment();
    const own = new FirestoreReplicaStore(world.as("collector"));
    const version = await own.put(id, replica, null);
    for (const service of SERVICES.filter((name) => name !== "collector")) {
      const store = new FirestoreReplicaStore(world.as(service));
      const later = { ...replica, seq: 2 };
      await expect(store.put(id, later, version)).rejects.toMatchObject(DENIED);
      await expect(store.put(id, { ...replica, pod: "new" }, null)).rejects.toMatchObject(DENIED);
      await expect(store.remove(id, replica.pod, version)).rejects.toMatchObject(DENIED);
    }
  });
});

describe("without a service's token", () => {
  it("a stranger reads and writes nothing", async () => {
    const { id } = await world.deployment();
    const stranger = world.rest("mallory");
    await expect(stranger.get(`deployments/${id}`)).rejects.toMatchObject(DENIED);
    const write = stranger.commit([{ set: `deployments/${id}`, fields: { state: "healthy" } }]);
    await expect(write).rejects.toMatchObject(DENIED);
    const escalate = stranger.commit([
      { set: "members/red_mallory", fields: { teamId: "red", uid: "mallory" } },
    ]);
    await expect(escalate).rejects.toMatchObject(DENIED);
  });

  it("a member reads the team's deployment and its history, never what is internal, and writes nothing", async () => {
    await world.seeder.commit([
      { set: "members/green_mia", fields: { teamId: "green", uid: "mia", role: "member" } },
    ]);
    const project = await world.project({ teamId: "green" });
    const { id } = await world.deployment(project);
    await world.deployments("validate").writeNote(id, "internal/execution", { attempt: 1 });
    const mia = world.rest("mia");
    expect(await mia.get(`deployments/${id}`)).not.toBeNull();
    expect(await mia.get(`deployments/${id}/transitions/000001`)).not.toBeNull();
    await expect(mia.get(`deployments/${id}/internal/execution`)).rejects.toMatchObject(DENIED);
    const write = mia.commit([
      { set: `deployments/${id}`, fields: { state: "healthy" }, merge: true },
    ]);
    await expect(write).rejects.toMatchObject(DENIED);
  });
});
