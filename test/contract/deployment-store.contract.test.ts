import { MOVES } from "@bifrost/shared/domain/lifecycle";
import { newDeploymentId } from "@bifrost/shared/domain/ids";
import type { NoteName } from "@bifrost/shared/ports/deployment-store";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decisionFor, fields, SERVICES, type ServiceName, World } from "./firestore-world.ts";

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world.stop());

const DENIED = { code: "permission-denied" };

describe("creating a deployment", () => {
  it.each(["api", "github-webhook"] as const)(
    "is allowed to %s, takes the project's next number and records the first transition",
    async (creator) => {
      const project = await world.project();
      const first = await world.deployment(project, creator);
      const second = await world.deployment(project, creator);
      expect([first.number, second.number]).toEqual([1, 2]);
      expect((await world.reload(first.id)).value).toEqual(first);
      expect(await world.deployments(creator).transitions(first.id)).toEqual([
        {
          from: null,
          to: "queued",
          by: creator,
          at: first.createdAt,
          attempt: 1,
          seq: 1,
          why: null,
          evidence: null,
        },
      ]);
    },
  );

  it("is allowed to restore, of a release of the same project", async () => {
    const project = await world.project();
    const origin = await world.deployment(project);
    const stranger = await world.deployment();
    const back = (rollbackOf: typeof origin.id) => ({
      ...fields(),
      trigger: "restore" as const,
      source: { kind: "rollback" as const, rollbackOf },
    });
    const create = async (rollbackOf: typeof origin.id) =>
      world
        .deployments("restore")
        .create(
          newDeploymentId(world.random),
          back(rollbackOf),
          await world.reloadProject(project.value.id),
          "restore",
        );
    await expect(create(stranger.id)).rejects.toMatchObject(DENIED);
    expect(await create(origin.id)).toMatchObject({ number: 2, trigger: "restore" });
  });

  it.each(SERVICES.filter((name) => name !== "api" && name !== "github-webhook"))(
    "is refused to %s, even in another's name",
    async (service) => {
      const project = await world.project();
      for (const by of ["api", service] as const) {
        const id = newDeploymentId(world.random);
        const create = world.deployments(service).create(id, fields(), project, by as "api");
        await expect(create).rejects.toMatchObject(DENIED);
      }
    },
  );

  it("is a conflict for the second of two that read the same project", async () => {
    const project = await world.project();
    const create = () =>
      world.deployments("api").create(newDeploymentId(world.random), fields(), project, "api");
    const [one, other] = await Promise.allSettled([create(), create()]);
    const statuses = [one.status, other.status].toSorted();
    expect(statuses).toEqual(["fulfilled", "rejected"]);
    const lost = one.status === "rejected" ? one : other;
    expect(lost).toMatchObject({ reason: { code: "write-conflict" } });
  });

  it("is refused with `already-exists` for an id that is taken", async () => {
    const project = await world.project();
    const { id } = await world.deployment(project);
    const again = world
      .deployments("api")
      .create(id, fields(), await world.reloadProject(project.value.id), "api");
    await expect(again).rejects.toMatchObject({ code: "already-exists" });
  });
});

describe("a move", () => {
  it.each(MOVES.map((move) => [`${move.from} → ${move.to}`, move] as const))(
    "%s is allowed to its owner as the store writes it, and refused to every other service",
    async (_, move) => {
      const deployment = await world.deploymentIn(move.from);
      if (move.to === "building") await world.snapshot(deployment);
      const before = await world.reload(deployment.id);
      const decision = decisionFor(before.value, move);
      for (const service of SERVICES.filter((name) => name !== move.owner)) {
        const forged = { ...decision, transition: { ...decision.transition, by: service } };
        const attempts = [decision, forged].map((one) =>
          world.deployments(service).move(before, one),
        );
        for (const attempt of attempts) await expect(attempt).rejects.toMatchObject(DENIED);
      }
      const pointer = await world.pointer(before.value, move);
      const moved = await world.deployments(move.owner).move(before, decision, pointer);
      expect((await world.reload(deployment.id)).value).toEqual(moved);
      const history = await world.deployments("api").transitions(deployment.id);
      expect(history.at(-1)).toMatchObject({ from: move.from, to: move.to, by: move.owner });
    },
  );

  it("fails with `write-conflict` on a version that is no longer the current one", async () => {
    const { id } = await world.deployment();
    const before = await world.reload(id);
    const decision = decisionFor(before.value, MOVES[0]);
    await world.deployments("validate").move(before, decision);
    const again = world.deployments("validate").move(before, decision);
    await expect(again).rejects.toMatchObject({ code: expect.stringMatching(/conflict|exists/) });
  });

  it("to healthy takes the project's URL along, and an older release does not take it back", async () => {
    const project = await world.project();
    const [first, older, newer] = [
      await world.deploymentIn("running", project),
      await world.deploymentIn("running", project),
      await world.deploymentIn("running", project),
    ];
    const release = MOVES.filter((move) => move.to === "healthy");
    const goLive = async (id: typeof older.id) => {
      const current = await world.reload(id);
      const pointer = { project: await world.reloadProject(project.value.id) };
      const [move] = release;
      if (move === undefined) throw new Error("the table has no release");
      return world.deployments("verify").move(current, decisionFor(current.value, move), pointer);
    };
    const serves = async ({ id, number }: typeof older, formerDeploymentId: string | null) => {
      await goLive(id);
      const { value } = await world.reloadProject(project.value.id);
      const pointers = { liveDeploymentId: id, formerDeploymentId, liveNumber: number };
      expect(value).toMatchObject(pointers);
    };
    await serves(first, null);
    await serves(newer, first.id);
    await expect(goLive(older.id)).rejects.toMatchObject(DENIED);
  });
});

describe("what moves do not own", () => {
  it("configHash is validate's while it validates, and nobody else's", async () => {
    const { id } = await world.deploymentIn("validating");
    for (const service of SERVICES.filter((name) => name !== "validate")) {
      const write = world.deployments(service).annotate(id, { configHash: "h" });
      await expect(write).rejects.toMatchObject(DENIED);
    }
    await world.deployments("validate").annotate(id, { configHash: "h" });
    expect((await world.reload(id)).value.configHash).toBe("h");
    const { id: queued } = await world.deployment();
    const early = world.deployments("validate").annotate(queued, { configHash: "h" });
    await expect(early).rejects.toMatchObject(DENIED);
  });

  it("retiredAt is reap's", async () => {
    const { id } = await world.deploymentIn("healthy");
    const retiredAt = new Date("2026-02-03T04:05:06.789Z");
    await expect(world.deployments("verify").annotate(id, { retiredAt })).rejects.toMatchObject(
      DENIED,
    );
    await world.deployments("reap").annotate(id, { retiredAt });
    expect((await world.reload(id)).value.retiredAt).toEqual(retiredAt);
  });

  it("of a deployment that is not there is `not-found` or refused, never created", async () => {
    const id = newDeploymentId(world.random);
    const write = world.deployments("reap").annotate(id, { retiredAt: new Date(0) });
    await expect(write).rejects.toMatchObject({
      code: expect.stringMatching(/not-found|permission-denied|write-conflict/),
    });
    expect(await world.deployments("api").read(id)).toBeNull();
  });
});

/** Who writes which note: every caller of writeNote and updateNote in the functions. */
const NOTE_WRITERS: Readonly<Record<NoteName, readonly ServiceName[]>> = {
  "snapshot/config": ["validate"],
  "snapshot/diagnostics": ["validate"],
  "internal/build": ["build", "start-build", "finish-build"],
  "internal/execution": ["validate", "reap"],
  "internal/observation": ["observe", "verify"],
};
const NOTES = Object.entries(NOTE_WRITERS) as [NoteName, readonly ServiceName[]][];

describe("a note", () => {
  it.each(NOTES.flatMap(([name, writers]) => writers.map((writer) => [name, writer] as const)))(
    "%s can be created and replaced by %s",
    async (name, writer) => {
      const { id, attempt } = await world.deploymentIn("validating");
      const store = world.deployments(writer);
      await store.writeNote(id, name, { attempt, text: "one" }, null);
      const written = await store.readNote(id, name);
      expect(written?.value).toEqual({ attempt, text: "one" });
      await store.writeNote(id, name, { attempt, text: "two" }, written?.version ?? null);
      expect((await store.readNote(id, name))?.value).toEqual({ attempt, text: "two" });
      const late = store.writeNote(id, name, { attempt, text: "three" }, written?.version ?? null);
      await expect(late).rejects.toMatchObject({ code: "write-conflict" });
    },
  );

  it.each(NOTES)(
    "%s is refused to services that have no business with it",
    async (name, writers) => {
      const { id, attempt } = await world.deploymentIn("validating");
      const strangers = ["api", "github-webhook", "deploy", "retry", "append-logs", "collector"];
      for (const service of strangers as ServiceName[]) {
        expect(writers).not.toContain(service);
        const write = world.deployments(service).writeNote(id, name, { attempt });
        await expect(write).rejects.toMatchObject(DENIED);
      }
    },
  );

  it("is created once: `already-exists` for the second that expected none", async () => {
    const { id } = await world.deployment();
    const store = world.deployments("validate");
    await store.writeNote(id, "internal/execution", { attempt: 1 }, null);
    const second = store.writeNote(id, "internal/execution", { attempt: 1 }, null);
    await expect(second).rejects.toMatchObject({ code: "already-exists" });
  });

  it("of a retry: the snapshot of the first attempt stays as it is, its diagnostics are replaced", async () => {
    const first = await world.deploymentIn("validating");
    const store = world.deployments("validate");
    await world.snapshot(first);
    await store.writeNote(first.id, "snapshot/diagnostics", { attempt: 1, text: "old" });
    for (const step of ["validating/failed", "failed/queued", "queued/validating"]) {
      const move = MOVES.find(({ from, to }) => `${from}/${to}` === step);
      if (move === undefined) throw new Error(step);
      await world.make((await world.reload(first.id)).value, move);
    }
    const changed = store.writeNote(first.id, "snapshot/config", { attempt: 2, config: "other" });
    await expect(changed).rejects.toMatchObject(DENIED);
    await store.writeNote(first.id, "snapshot/diagnostics", { attempt: 2, text: "new" });
    const kept = await store.readNote(first.id, "snapshot/config");
    expect(kept?.value).toMatchObject({ attempt: 1 });
  });
});

const chunk = (id: string, stream: "build" | "runtime" = "build") =>
  ({ id, stream, step: "install", lines: [id], at: new Date(0) }) as const;

describe("log chunks", () => {
  it("are appended once by append-logs and read oldest first, the newest kept by the limit", async () => {
    const { id } = await world.deployment();
    const store = world.deployments("append-logs");
    expect(await store.appendLog(id, chunk("b"))).toBe(false);
    expect(await store.appendLog(id, chunk("a"))).toBe(false);
    expect(await store.appendLog(id, chunk("c"))).toBe(false);
    expect(await store.appendLog(id, chunk("r", "runtime"))).toBe(false);
    expect(await store.appendLog(id, chunk("b"))).toBe(true);
    const found = await world.deployments("fail").lastLogs(id, "build", 2);
    expect(found).toEqual([chunk("b"), chunk("c")]);
  });

  it("are refused to every other service", async () => {
    const { id } = await world.deployment();
    for (const service of SERVICES.filter((name) => name !== "append-logs")) {
      const append = world.deployments(service).appendLog(id, chunk("x"));
      await expect(append).rejects.toMatchObject(DENIED);
    }
  });
});

describe("queries of the deployment store", () => {
  it("list a project's deployments newest first, page by number and find a commit", async () => {
    const project = await world.project();
    for (let count = 0; count < 3; count++) await world.deployment(project);
    const store = world.deployments("publish-events");
    const numbers = async (options: { limit: number; before?: number; commit?: string }) =>
      (await store.listByProject(project.value.id, options)).map((one) => one.number);
    expect(await numbers({ limit: 2 })).toEqual([3, 2]);
    expect(await numbers({ limit: 2, before: 2 })).toEqual([1]);
    expect(await numbers({ limit: 5, commit: "a".repeat(40) })).toEqual([3, 2, 1]);
    expect(await numbers({ limit: 5, commit: "b".repeat(40) })).toEqual([]);
  });

  it("list what is in some states, oldest first, for reap", async () => {
    const one = await world.deploymentIn("deploying");
    const other = await world.deploymentIn("running");
    const found = await world.deployments("reap").listInStates(["deploying", "running"], 300);
    const ids = found.map((deployment) => deployment.id);
    expect(ids.indexOf(one.id)).toBeLessThan(ids.indexOf(other.id));
    expect(ids).toContain(one.id);
  });
});
