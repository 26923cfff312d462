/** firestore.rules: how a deployment begins, and what its project may point at. */
import { describe, expect, test } from "vitest";
import {
  DEPLOYMENT,
  DIGEST,
  ID,
  moveFields,
  OLD,
  PRINCIPALS,
  PROJECT,
  PROJECT_PATH,
  recordFields,
  SERVICES,
  worldIn,
} from "./lifecycle-world.ts";
import { NOW, service, type Fields } from "./rules-world.ts";

function release(change: Fields, withMove = true) {
  const pointer = { liveDeploymentId: ID, formerDeploymentId: null, liveNumber: 7, ...change };
  const move = [
    { merge: `deployments/${ID}`, fields: moveFields("running", "healthy") },
    {
      set: `deployments/${ID}/transitions/000005`,
      fields: recordFields("running", "healthy", "verify"),
    },
  ];
  return [...(withMove ? move : []), { merge: PROJECT_PATH, fields: pointer }];
}

describe("creating a deployment", () => {
  const NEW_ID = "dnew4567890abc";
  function creation(by: string, change: Fields = {}, record: Fields | null = {}, next = 9) {
    const fields = {
      ...DEPLOYMENT,
      number: 8,
      seq: 1,
      attempt: 1,
      stateSince: NOW,
      createdAt: NOW,
      ...change,
    };
    const first = { ...recordFields(null, "queued", by), attempt: 1, seq: 1, ...record };
    return [
      { set: `deployments/${NEW_ID}`, fields },
      ...(record === null
        ? []
        : [{ set: `deployments/${NEW_ID}/transitions/000001`, fields: first }]),
      ...(next === 8
        ? []
        : [{ merge: PROJECT_PATH, fields: { newestDeploymentId: NEW_ID, nextNumber: next } }]),
    ];
  }

  test("only the creators may", () => {
    const world = worldIn("queued");
    const allowed = PRINCIPALS.filter(
      ([name, auth]) => world.commit(auth, creation(name)).allowed,
    ).map(([name]) => name);
    expect(allowed).toEqual(["api", "github-webhook"]);
    const verdict = world.commit(service("api"), creation("api"));
    console.log(
      `creation: ${verdict.evaluations.join(" + ")} evaluations, ${verdict.accesses} reads`,
    );
    expect(verdict.evaluations.reduce((sum, count) => sum + count, 0)).toBeLessThan(1_000);
    expect(verdict.accesses).toBeLessThanOrEqual(10);
  });

  test("a rollback names the deployment it returns to", () => {
    const source = { kind: "rollback", rollbackOf: ID };
    const writes = creation("api", { source, trigger: "rollback" });
    expect(worldIn("healthy").commit(service("api"), writes).allowed).toBe(true);
  });

  const back = { trigger: "restore", source: { kind: "rollback", rollbackOf: ID } };

  test("restore puts releases back, and nobody else says so", () => {
    const world = worldIn("healthy");
    const allowed = PRINCIPALS.filter(
      ([name, auth]) => world.commit(auth, creation(name, back)).allowed,
    ).map(([name]) => name);
    expect(allowed).toEqual(["restore"]);
  });

  test.each([
    ["a commit", { ...back, source: { kind: "commit", rollbackOf: null } }],
    ["what a person goes back to", { ...back, trigger: "rollback" }],
    ["nothing", { ...back, source: { kind: "rollback", rollbackOf: null } }],
    ["what is not there", { ...back, source: { kind: "rollback", rollbackOf: "dnone4567890ab" } }],
  ])("restore creates no deployment of %s", (_what, change) => {
    const writes = creation("restore", change);
    expect(worldIn("healthy").commit(service("restore"), writes).allowed).toBe(false);
  });

  test("one number goes to one deployment, even in one commit", () => {
    const [deployment, record] = creation("api");
    const twin = [
      { set: "deployments/dtwin567890abc", fields: deployment?.fields ?? {} },
      { set: "deployments/dtwin567890abc/transitions/000001", fields: record?.fields ?? {} },
    ];
    const twins = [...creation("api"), ...twin];
    expect(worldIn("queued").commit(service("api"), creation("api")).allowed).toBe(true);
    expect(worldIn("queued").commit(service("api"), twins).allowed).toBe(false);
  });

  test.each([
    ["nobody", {}],
    ["a deployment of before", { newestDeploymentId: ID }],
    ["a deployment that is not there", { newestDeploymentId: "dnone4567890ab" }],
  ])("no number is taken for %s", (_whom, taker) => {
    const writes = [{ merge: PROJECT_PATH, fields: { nextNumber: 9, ...taker } }];
    const world = worldIn("queued");
    const passing = SERVICES.filter((name) => world.commit(service(name), writes).allowed);
    expect(passing).toEqual([]);
  });

  test("a rollback goes back to nothing of another project", () => {
    const world = worldIn("queued");
    world.put("deployments/dother67890abc", { ...DEPLOYMENT, projectId: "pother67890abcd" });
    const source = { kind: "rollback", rollbackOf: "dother67890abc" };
    const writes = creation("api", { source, trigger: "rollback" });
    expect(world.commit(service("api"), writes).allowed).toBe(false);
  });

  const refused: readonly (readonly [string, Fields, Fields | null, number])[] = [
    ["no transition", {}, null, 9],
    ["no number taken", {}, {}, 8],
    ["two numbers taken", {}, {}, 10],
    ["a number already used", { number: 7 }, {}, 9],
    ["a later state", { state: "healthy" }, { to: "healthy" }, 9],
    ["a later seq", { seq: 2 }, {}, 9],
    ["a later attempt", { attempt: 2 }, { attempt: 2 }, 9],
    ["an old stateSince", { stateSince: OLD }, {}, 9],
    ["an old createdAt", { createdAt: OLD }, {}, 9],
    ["a digest", { imageDigest: DIGEST }, {}, 9],
    ["a config hash", { configHash: "x" }, {}, 9],
    ["a foreign field", { extra: 1 }, {}, 9],
    ["another team than the project's", { teamId: "team2" }, {}, 9],
    [
      "a release of no one to go back to",
      { source: { kind: "rollback", rollbackOf: null } },
      {},
      9,
    ],
    ["a commit that goes back as well", { source: { kind: "commit", rollbackOf: ID } }, {}, 9],
    ["a project that does not exist", { projectId: "p999999999" }, {}, 9],
    ["a branch as commit", { commit: { ...DEPLOYMENT.commit, sha: "main" } }, {}, 9],
    ["a commit with more fields", { commit: { ...DEPLOYMENT.commit, token: "x" } }, {}, 9],
    ["an unknown trigger", { trigger: "magic" }, {}, 9],
    ["an unknown source", { source: { kind: "zip", rollbackOf: null } }, {}, 9],
    ["a source with more fields", { source: { ...DEPLOYMENT.source, x: 1 } }, {}, 9],
    ["a source that is no id", { source: { kind: "rollback", rollbackOf: 1 } }, {}, 9],
    ["a message that is no text", { commit: { ...DEPLOYMENT.commit, message: 1 } }, {}, 9],
    ["an author that is no text", { commit: { ...DEPLOYMENT.commit, author: 1 } }, {}, 9],
    ["a branch that is no text", { branch: 1 }, {}, 9],
    ["a creator that is no text", { createdBy: 1 }, {}, 9],
    ["a url", { url: "https://x" }, {}, 9],
    ["a failure", { failure: { code: "x" } }, {}, 9],
    ["a retirement", { retiredAt: OLD }, {}, 9],
    ["a record with a from", {}, { from: "failed" }, 9],
    ["a record by another creator", {}, { by: "github-webhook" }, 9],
  ];
  test.each(refused)("is refused with %s", (_what, change, record, next) => {
    expect(
      worldIn("queued").commit(service("api"), creation("api", change, record, next)).allowed,
    ).toBe(false);
  });
});

describe("the live pointer", () => {
  test("comes along when the newest release becomes healthy, and stays when an older one does", () => {
    const world = worldIn("running");
    const move = release({}).slice(0, 2);
    expect(world.commit(service("verify"), move).allowed).toBe(false);
    world.put(PROJECT_PATH, { ...PROJECT, liveNumber: 7, liveDeploymentId: ID });
    expect(world.commit(service("verify"), move).allowed).toBe(true);
    world.put(PROJECT_PATH, { ...PROJECT, liveNumber: 9, liveDeploymentId: "dnewer67890abc" });
    expect(world.commit(service("verify"), move).allowed).toBe(true);
  });

  test("moves with the commit that makes the release healthy", () => {
    const verdict = worldIn("running").commit(service("verify"), release({}));
    console.log(
      `release: ${verdict.evaluations.join(" + ")} evaluations, ${verdict.accesses} reads`,
    );
    expect(verdict).toMatchObject({ allowed: true });
    expect(verdict.evaluations.reduce((sum, count) => sum + count, 0)).toBeLessThan(1_000);
    expect(verdict.accesses).toBeLessThanOrEqual(10);
  });

  test.each([
    ["without the move", "running", release({}, false)],
    ["to a release that was healthy before", "healthy", release({}, false)],
    ["with another number", "running", release({ liveNumber: 8 })],
    [
      "with another release before it",
      "running",
      release({ formerDeploymentId: "dother567890ab" }),
    ],
    ["with another field", "running", release({ nextNumber: 9 })],
    [
      "to a deployment that does not exist",
      "running",
      release({ liveDeploymentId: "dnone4567890" }),
    ],
  ])("does not move %s", (_what, state, writes) => {
    expect(worldIn(state).commit(service("verify"), writes).allowed).toBe(false);
  });

  test("leaves behind which release was live before, as it was", () => {
    const world = worldIn("running");
    const before = { liveNumber: 6, liveDeploymentId: "dformer7890abc" };
    const takesOver = (formerDeploymentId: unknown) =>
      world.commit(service("verify"), release({ formerDeploymentId })).allowed;
    world.put(PROJECT_PATH, { ...PROJECT, ...before, formerDeploymentId: "dolder67890abc" });
    expect(["dolder67890abc", ID, null, 6].filter(takesOver)).toEqual([]);
    expect(takesOver(before.liveDeploymentId)).toBe(true);
  });

  test("leaves it behind in a project that was stored before there was such a field", () => {
    const { formerDeploymentId: _, ...old } = PROJECT;
    const world = worldIn("running");
    world.put(PROJECT_PATH, old);
    const [move, record] = release({});
    const pointer = { merge: PROJECT_PATH, fields: { liveDeploymentId: ID, liveNumber: 7 } };
    const without = [move, record, pointer].filter((write) => write !== undefined);
    expect(world.commit(service("verify"), without).allowed).toBe(false);
    expect(world.commit(service("verify"), release({})).allowed).toBe(true);
  });

  test("does not go back to an older number", () => {
    const world = worldIn("running");
    world.put(PROJECT_PATH, { ...PROJECT, liveNumber: 7 });
    expect(world.commit(service("verify"), release({})).allowed).toBe(false);
    world.put(PROJECT_PATH, { ...PROJECT, liveNumber: 6 });
    expect(world.commit(service("verify"), release({})).allowed).toBe(true);
  });

  test("is not moved by anyone but verify", () => {
    const world = worldIn("running");
    const others = SERVICES.filter((name) => name !== "verify");
    const pointer = { merge: PROJECT_PATH, fields: { liveDeploymentId: ID, liveNumber: 7 } };
    expect(others.filter((name) => world.commit(service(name), [pointer]).allowed)).toEqual([]);
  });

  test("of another project cannot point here", () => {
    const world = worldIn("running");
    world.put("projects/pother67890abcd", { ...PROJECT, slug: "other" });
    const writes = [
      ...release({}).slice(0, 2),
      { merge: "projects/pother67890abcd", fields: { liveDeploymentId: ID, liveNumber: 7 } },
    ];
    expect(world.commit(service("verify"), writes).allowed).toBe(false);
  });
});
