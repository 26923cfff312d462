/** firestore.rules: every document beside the moves, and who may read. */
import { describe, expect, test } from "vitest";
import {
  ID,
  OLD,
  PRINCIPALS,
  productRules,
  PROJECT,
  PROJECT_PATH,
  REPLICA,
  worldIn,
} from "./lifecycle-world.ts";
import { NOW, person, RulesWorld, service, type Fields } from "./rules-world.ts";

describe("fields and documents beside the moves", () => {
  const at = `deployments/${ID}`;
  const log = { stream: "build", step: "install", lines: ["ok"], at: OLD };
  const note = { attempt: 2 };
  const cases: readonly (readonly [state: string, path: string, Fields, readonly string[]])[] = [
    ["validating", at, { configHash: "h" }, ["validate"]],
    ["building", at, { configHash: "h" }, []],
    ["healthy", at, { retiredAt: OLD }, ["reap"]],
    ["healthy", at, { retiredAt: "soon" }, []],
    ["healthy", at, { retiredAt: OLD, url: "x" }, []],
    ["healthy", at, { url: "https://x" }, []],
    ["validating", `${at}/snapshot/config`, { ...note, config: {} }, ["validate"]],
    ["validating", `${at}/snapshot/config`, { attempt: 1 }, []],
    ["building", `${at}/snapshot/config`, { ...note, config: {} }, []],
    ["validating", `${at}/snapshot/diagnostics`, note, ["validate"]],
    ["validating", `${at}/snapshot/other`, note, []],
    ["building", `${at}/internal/build`, note, ["build", "start-build", "finish-build"]],
    ["queued", `${at}/internal/execution`, note, ["validate", "reap"]],
    ["running", `${at}/internal/observation`, note, ["observe", "verify"]],
    ["running", `${at}/internal/other`, note, []],
    ["building", `${at}/logs/2-b`, log, ["append-logs"]],
    ["building", `${at}/logs/2-b`, { ...log, stream: "secret" }, []],
    ["building", `${at}/logs/2-b`, { ...log, extra: 1 }, []],
    ["building", `${at}/logs/2-b`, { ...log, step: 1 }, []],
    ["building", `${at}/logs/2-b`, { ...log, lines: "x" }, []],
    ["building", `${at}/logs/2-b`, { ...log, at: "now" }, []],
    ["queued", PROJECT_PATH, { name: 1, updatedAt: NOW }, []],
    ["queued", PROJECT_PATH, { settings: "x", updatedAt: NOW }, []],
    ["queued", "routes/a.example", { host: "a.example", projectId: 1, targets: [] }, []],
    ["queued", "routes/a.example", { host: "a.example", projectId: "p", targets: "x" }, []],
    ["running", `${at}/replicas/shop-1`, REPLICA, ["collector"]],
    ["queued", PROJECT_PATH, { name: "Shop 2", updatedAt: NOW }, ["api"]],
    ["queued", PROJECT_PATH, { name: "Shop 2", updatedAt: OLD }, []],
    ["queued", PROJECT_PATH, { settings: { a: 1 }, updatedAt: NOW }, ["api"]],
    ["queued", PROJECT_PATH, { slug: "shop2", updatedAt: NOW }, []],
    ["queued", PROJECT_PATH, { nextNumber: 9 }, []],
    ["queued", PROJECT_PATH, { nextNumber: 7 }, []],
    ["queued", "routes/a.example", { host: "a.example", projectId: "p", targets: [] }, ["api"]],
    ["queued", "routes/a.example", { host: "b.example", projectId: "p", targets: [] }, []],
    ["queued", "apiKeys/abc", { uid: "mia" }, ["api"]],
    ["queued", "idempotencyKeys/abc", { status: 200 }, ["api"]],
    ["queued", "webhookDeliveries/abc", { answer: {} }, ["github-webhook"]],
    ["queued", "gatewayNodes/n1", { at: OLD }, ["gateway"]],
    ["queued", "policies/limit", { active: 1 }, ["api"]],
    ["queued", "secrets/p_TOKEN", { name: "TOKEN" }, ["api"]],
    ["queued", "teams/team2", { name: "Two" }, ["api"]],
    ["queued", "members/team1_tom", { teamId: "team1", uid: "tom" }, ["api"]],
    ["queued", "members/team1_tom", { teamId: "team1", uid: "eve" }, []],
    ["queued", "members/a_b_c", { teamId: "a_b", uid: "c" }, []],
    ["queued", "unheard/of", { a: 1 }, []],
  ];
  test.each(cases)("in %s, %s %j is written by %j", (state, path, fields, writers) => {
    const world = worldIn(state);
    const allowed = PRINCIPALS.filter(
      ([, auth]) => world.commit(auth, [{ merge: path, fields }]).allowed,
    ).map(([name]) => name);
    expect(allowed.toSorted()).toEqual(writers.toSorted());
  });

  test("a config that an earlier attempt left is not replaced", () => {
    const world = worldIn("validating");
    world.put(`${at}/snapshot/config`, { attempt: 1 });
    const write = { set: `${at}/snapshot/config`, fields: { attempt: 2 } };
    expect(world.commit(service("validate"), [write]).allowed).toBe(false);
  });

  test("answers and logs are written once", () => {
    const world = worldIn("queued");
    world.put("idempotencyKeys/abc", { status: 200 });
    world.put("webhookDeliveries/abc", { answer: {} });
    const fields = { status: 500 };
    expect(world.commit(service("api"), [{ set: "idempotencyKeys/abc", fields }]).allowed).toBe(
      false,
    );
    expect(
      world.commit(service("github-webhook"), [{ set: "webhookDeliveries/abc", fields }]).allowed,
    ).toBe(false);
  });

  test("a project is created by api with its counters at the beginning", () => {
    const world = new RulesWorld(productRules);
    const beginning = { newestDeploymentId: null, nextNumber: 1, createdAt: NOW, updatedAt: NOW };
    const fields = { ...PROJECT, ...beginning };
    const create = (by: string, change: Fields) =>
      world.commit(service(by), [{ set: PROJECT_PATH, fields: { ...fields, ...change } }]).allowed;
    expect(create("api", {})).toBe(true);
    expect(create("verify", {})).toBe(false);
    expect(create("api", { liveNumber: 1 })).toBe(false);
    expect(create("api", { liveDeploymentId: ID })).toBe(false);
    expect(create("api", { formerDeploymentId: ID })).toBe(false);
    expect(create("api", { nextNumber: 2 })).toBe(false);
    expect(create("api", { newestDeploymentId: ID })).toBe(false);
    expect(create("api", { teamId: "a_b" })).toBe(false);
    expect(create("api", { createdAt: OLD })).toBe(false);
    expect(create("api", { updatedAt: OLD })).toBe(false);
    expect(create("api", { slug: "Shop.evil" })).toBe(false);
    const wrong = [{ name: 1 }, { repository: 1 }, { defaultBranch: 1 }, { settings: 1 }];
    expect(wrong.filter((change) => create("api", change))).toEqual([]);
  });
});

describe("reading", () => {
  const mia = person("mia");
  const eve = person("eve");
  const at = `deployments/${ID}`;
  test.each([
    PROJECT_PATH,
    at,
    `${at}/transitions/000004`,
    `${at}/snapshot/config`,
    `${at}/logs/1-a`,
  ])("%s is for members and services", (path) => {
    const world = worldIn("queued");
    expect([mia, service("fail"), eve, null].map((auth) => world.get(auth, path))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  test("internal notes and answers are not for people", () => {
    const world = worldIn("queued");
    world.put(`${at}/internal/build`, { attempt: 1 });
    world.put("apiKeys/abc", { uid: "mia" });
    expect(world.get(mia, `${at}/internal/build`)).toBe(false);
    expect(world.get(service("start-build"), `${at}/internal/build`)).toBe(true);
    expect(world.get(mia, "apiKeys/abc")).toBe(false);
    expect(world.get(service("build"), "apiKeys/abc")).toBe(false);
  });

  test("a list by a person must name the team", () => {
    const world = worldIn("queued");
    expect(world.list(mia, "deployments", { teamId: "team1" })).toBe(true);
    expect(world.list(mia, "projects", { teamId: "team1" })).toBe(true);
    expect(world.list(mia, "deployments", { teamId: "team1", projectId: "p" })).toBe(true);
    expect(world.list(mia, "deployments", { teamId: "team2" })).toBe(false);
    expect(world.list(mia, "deployments", { projectId: "p" })).toBe(false);
    expect(world.list(mia, "deployments")).toBe(false);
    expect(world.list(null, "deployments", { teamId: "team1" })).toBe(false);
    expect(world.list(service("reap"), "deployments")).toBe(true);
    expect(world.list(service("gateway"), "routes")).toBe(true);
  });

  test("a list below a deployment follows the deployment's team", () => {
    const world = worldIn("queued");
    expect(world.list(mia, `${at}/logs`)).toBe(true);
    expect(world.list(mia, `${at}/transitions`)).toBe(true);
    expect(world.list(eve, `${at}/logs`)).toBe(false);
    expect(world.list(mia, `${at}/internal`)).toBe(false);
    expect(world.list(mia, "deployments/dmissing67890/logs")).toBe(false);
  });

  test("people see their own memberships", () => {
    const world = worldIn("queued");
    expect(world.list(mia, "members", { uid: "mia" })).toBe(true);
    expect(world.list(mia, "members", { uid: "eve" })).toBe(false);
    expect(world.list(mia, "members", { teamId: "team1" })).toBe(false);
    expect(world.list(service("api"), "members", { uid: "mia" })).toBe(true);
  });
});
