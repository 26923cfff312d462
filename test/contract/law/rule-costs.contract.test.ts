/** Production refuses what costs its rules too much: every lawful write of the product stays well below that. */
import { MOVES } from "@bifrost/shared/domain/lifecycle";
import { newDeploymentId } from "@bifrost/shared/domain/ids";
import { FirestoreReplicaStore } from "@bifrost/shared/cloud/firestore-replica-store";
import { newReplica } from "@bifrost/shared/testing/fixtures";
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LIMITS } from "../../../local/src/firestore/rules/limits.ts";
import { decisionFor, fields, World } from "../firestore-world.ts";
import { type Cost, MeteredRules } from "./rule-costs.ts";

const rules = new MeteredRules();
let world: World;
beforeAll(async () => {
  world = await World.start({ rules });
});
afterAll(() => world.stop());

const costs: (Cost & { readonly what: string })[] = [];

/** Counts what `write` costs; what prepares it is not counted. */
async function measured(what: string, write: () => Promise<unknown>): Promise<void> {
  rules.take();
  await write();
  costs.push({ what, ...rules.take() });
}

async function measureMoves(): Promise<void> {
  for (const move of MOVES) {
    const { id } = await world.deploymentIn(move.from);
    if (move.to === "building") await world.snapshot((await world.reload(id)).value);
    const before = await world.reload(id);
    const pointer = await world.pointer(before.value, move);
    const decision = decisionFor(before.value, move);
    const store = world.deployments(move.owner);
    await measured(`${move.from} → ${move.to}`, () => store.move(before, decision, pointer));
  }
}

async function measureCreations(): Promise<Deployment> {
  const project = await world.project();
  const origin = await world.deployment(project);
  const id = newDeploymentId(world.random);
  const current = await world.reloadProject(project.value.id);
  const source = { kind: "rollback", rollbackOf: origin.id } as const;
  const back = { ...fields(), trigger: "rollback", source } as const;
  await measured("create a rollback", () =>
    world.deployments("api").create(id, back, current, "api"),
  );
  const restored = { ...fields(), trigger: "restore", source } as const;
  const next = await world.reloadProject(project.value.id);
  await measured("put a release back", () =>
    world.deployments("restore").create(newDeploymentId(world.random), restored, next, "restore"),
  );
  return origin;
}

async function measureNotes(): Promise<void> {
  const { id, attempt } = await world.deploymentIn("validating");
  const validate = world.deployments("validate");
  await measured("snapshot", () => validate.writeNote(id, "snapshot/config", { attempt }));
  await measured("config hash", () => validate.annotate(id, { configHash: "h" }));
  await measured("internal note", () => validate.writeNote(id, "internal/execution", { attempt }));
  await measured("retirement", () =>
    world.deployments("reap").annotate(id, { retiredAt: new Date(0) }),
  );
  const chunk = { id: "1", stream: "build", step: "x", lines: ["x"], at: new Date(0) } as const;
  await measured("log chunk", () => world.deployments("append-logs").appendLog(id, chunk));
  const replicas = new FirestoreReplicaStore(world.as("collector"));
  let version = "";
  const sample = newReplica();
  await measured("replica", async () => {
    version = await replicas.put(id, sample, null);
  });
  await measured("replica again", async () => {
    version = await replicas.put(id, { ...sample, seq: 2 }, version);
  });
  await measured("replica removed", () => replicas.remove(id, sample.pod, version));
}

async function measureProjects(): Promise<void> {
  const draft = world.draftProject();
  const { id, createdAt: _createdAt, updatedAt: _updatedAt, ...newFields } = draft;
  const store = world.projects("api");
  await measured("create a project", () =>
    world.as("api").commit([
      {
        set: `projects/${id}`,
        fields: newFields,
        serverTimes: ["createdAt", "updatedAt"],
      },
      {
        set: "routes/x.localhost",
        fields: { host: "x.localhost", projectId: id, targets: [] },
      },
    ]),
  );
  const stored = await world.reloadProject(id);
  await measured("rename a project", () => store.rename(stored, { name: "New" }));
  const renamed = await world.reloadProject(id);
  await measured("delete a project", () => store.delete(renamed));
}

async function measureReads(id: Deployment["id"]): Promise<void> {
  const { teamId } = (await world.reload(id)).value;
  await world.seeder.commit([{ set: `members/${teamId}_mia`, fields: { teamId, uid: "mia" } }]);
  const mia = world.rest("mia");
  await measured("a member reads a deployment", () => mia.get(`deployments/${id}`));
  await measured("a member reads the history", () =>
    mia.query(`deployments/${id}`, { from: [{ collectionId: "transitions" }] }),
  );
}

test("each lawful request takes at most 70 % of the expressions and half of the look-ups that are allowed", async () => {
  await measureMoves();
  const origin = await measureCreations();
  await measureNotes();
  await measureProjects();
  await measureReads(origin.id);
  console.table(Object.fromEntries(costs.map(({ what, ...cost }) => [what, cost])));
  expect(costs).toHaveLength(14 + 2 + 8 + 3 + 2);
  const idle = costs.filter(({ evaluations }) => evaluations === 0);
  expect(idle).toEqual([]);
  const costly = costs.filter(
    (cost) =>
      cost.allEvaluations > 0.7 * LIMITS.expressionEvaluations ||
      cost.accesses > LIMITS.accessesPerDocument / 2 ||
      cost.allAccesses > LIMITS.accessesPerCommit / 2 ||
      cost.calls > LIMITS.accessesPerCommit,
  );
  expect(costly).toEqual([]);
});
