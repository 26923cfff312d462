/** The product's firestore.rules, move by move. Moves and owners are spelled out here on purpose, not imported. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { compileRules } from "./compile.ts";
import { NOW, person, RulesWorld, service, type Auth, type Fields } from "./rules-world.ts";

const rules = compileRules(
  readFileSync(new URL("../../../../firestore.rules", import.meta.url), "utf8"),
);

const STATES = "queued validating building built deploying running healthy failed".split(" ");
const MOVES: readonly (readonly [from: string, to: string, owner: string])[] = [
  ["queued", "validating", "validate"],
  ["validating", "building", "build"],
  ["building", "built", "finish-build"],
  ["built", "deploying", "deploy"],
  ["deploying", "running", "observe"],
  ["running", "healthy", "verify"],
  ["queued", "failed", "fail"],
  ["validating", "failed", "fail"],
  ["building", "failed", "fail"],
  ["built", "failed", "fail"],
  ["deploying", "failed", "fail"],
  ["running", "failed", "fail"],
  ["healthy", "failed", "fail"],
  ["failed", "queued", "retry"],
];
const SERVICES = [
  "api",
  "github-webhook",
  "issue-principal",
  "validate",
  "build",
  "start-build",
  "finish-build",
  "deploy",
  "observe",
  "verify",
  "fail",
  "retry",
  "append-logs",
  "publish-events",
  "reap",
  "collector",
  "gateway",
];
const PRINCIPALS: readonly (readonly [name: string, auth: Auth])[] = [
  ...SERVICES.map((name) => [name, service(name)] as const),
  ["a member", person("mia")],
  ["anonymous", null],
];

const ID = "d234567890abcd";
const OLD = new Date("2025-12-31T23:00:00Z");
const DIGEST = `sha256:${"a1".repeat(32)}`;
const FAILURE = { code: "build-failed", title: "A build step ended with an error." };

const PROJECT = {
  name: "Shop",
  slug: "shop",
  repository: "acme/shop",
  defaultBranch: "main",
  teamId: "team1",
  settings: {},
  liveDeploymentId: null,
  liveNumber: 0,
  nextNumber: 8,
  createdAt: OLD,
  updatedAt: OLD,
};
const DEPLOYMENT = {
  projectId: "p234567890abcd",
  teamId: "team1",
  number: 7,
  commit: { sha: "0123456789".repeat(4), message: "Add cart", author: "mia" },
  branch: "main",
  trigger: "push",
  source: { kind: "commit", rollbackOf: null },
  state: "queued",
  seq: 4,
  attempt: 2,
  stateSince: OLD,
  createdAt: OLD,
  createdBy: "github:mia",
  configHash: null,
  imageDigest: null,
  manifestsHash: null,
  url: null,
  failure: null,
  retiredAt: null,
};
const PROJECT_PATH = `projects/${DEPLOYMENT.projectId}`;

/** A world whose deployment is in `state`, with its history, its snapshot and a member of the team. */
function worldIn(state: string): RulesWorld {
  const world = new RulesWorld(rules);
  world.put(PROJECT_PATH, PROJECT);
  world.put("members/team1_mia", { teamId: "team1", uid: "mia" });
  const failure = state === "failed" ? FAILURE : null;
  world.put(`deployments/${ID}`, { ...DEPLOYMENT, state, failure });
  world.put(`deployments/${ID}/transitions/000004`, { to: state, seq: 4 });
  world.put(`deployments/${ID}/snapshot/config`, { config: {}, settings: {}, attempt: 2 });
  world.put(`deployments/${ID}/logs/1-a`, { stream: "build", step: "x", lines: [], at: OLD });
  return world;
}

/** Everything a writer adds for a move to `to`, whether it may or not. */
function moveFields(from: string, to: string): Fields {
  const extra: Readonly<Record<string, Fields>> = {
    built: { imageDigest: DIGEST },
    deploying: { manifestsHash: "h", url: "https://shop.example" },
    failed: { failure: FAILURE },
    queued: { failure: null },
  };
  const attempt = from === "failed" && to === "queued" ? 3 : 2;
  return { state: to, seq: 5, attempt, stateSince: NOW, ...extra[to] };
}

function recordFields(from: string | null, to: string, by: string): Fields {
  const attempt = from === "failed" && to === "queued" ? 3 : 2;
  return { from, to, by, at: NOW, attempt, seq: 5, why: null, evidence: null };
}

interface Forgery {
  readonly change?: Fields;
  readonly record?: Fields | null;
  readonly recordId?: string;
}

function tryMove(from: string, to: string, name: string, auth: Auth, forgery: Forgery = {}) {
  const { change = {}, record = {}, recordId = "000005" } = forgery;
  const move = {
    merge: `deployments/${ID}`,
    fields: { ...moveFields(from, to), ...change },
  };
  const entry = {
    set: `deployments/${ID}/transitions/${recordId}`,
    fields: { ...recordFields(from, to, name), ...record },
  };
  return worldIn(from).commit(auth, record === null ? [move] : [move, entry]);
}

describe("the 64 pairs of states", () => {
  test("every principal may make exactly the moves it owns", () => {
    const allowed: string[] = [];
    let tried = 0;
    for (const from of STATES) {
      for (const to of STATES) {
        for (const [name, auth] of PRINCIPALS) {
          tried += 1;
          if (tryMove(from, to, name, auth).allowed) allowed.push(`${from} ${to} ${name}`);
        }
      }
    }
    console.log(`${tried} attempts, ${allowed.length} allowed`);
    expect(tried).toBe(64 * 19);
    expect(allowed.toSorted()).toEqual(MOVES.map((move) => move.join(" ")).toSorted());
  });

  test("without its transition record no move passes", () => {
    const passing = MOVES.filter(
      ([from, to, owner]) => tryMove(from, to, owner, service(owner), { record: null }).allowed,
    );
    expect(passing).toEqual([]);
  });

  test("a legal move stays far below the limits", () => {
    const measured = MOVES.map(([from, to, owner]) => {
      const verdict = tryMove(from, to, owner, service(owner));
      return { move: `${from}/${to}`, ...verdict };
    });
    const most = Math.max(...measured.map(({ evaluations }) => evaluations[0] ?? 0));
    const whole = Math.max(
      ...measured.map(({ evaluations }) => evaluations.reduce((sum, count) => sum + count, 0)),
    );
    const accesses = Math.max(...measured.map((verdict) => verdict.accesses));
    console.log(
      `most evaluations: ${most} for a deployment, ${whole} for a commit; ${accesses} reads`,
    );
    expect(most).toBeGreaterThan(50);
    expect(whole).toBeLessThan(1_000);
    expect(accesses).toBeLessThanOrEqual(10);
  });
});

describe("a forged move is refused", () => {
  const forgeries: readonly (readonly [what: string, move: readonly [string, string], Forgery])[] =
    [
      ["a stateSince other than now", ["queued", "validating"], { change: { stateSince: OLD } }],
      ["a seq that stands still", ["queued", "validating"], { change: { seq: 4 } }],
      ["a seq that jumps", ["queued", "validating"], { change: { seq: 6 } }],
      [
        "a seq that jumps together with its record",
        ["queued", "validating"],
        { change: { seq: 6 }, record: { seq: 6 }, recordId: "000006" },
      ],
      ["a seq that is a float", ["queued", "validating"], { change: { seq: 5.5 } }],
      [
        "a raised attempt",
        ["queued", "validating"],
        { change: { attempt: 3 }, record: { attempt: 3 } },
      ],
      [
        "a retry with the old attempt",
        ["failed", "queued"],
        { change: { attempt: 2 }, record: { attempt: 2 } },
      ],
      [
        "a retry that skips an attempt",
        ["failed", "queued"],
        { change: { attempt: 4 }, record: { attempt: 4 } },
      ],
      ["a retry that keeps the failure", ["failed", "queued"], { change: { failure: FAILURE } }],
      ["a foreign field", ["queued", "validating"], { change: { url: "https://evil.example" } }],
      ["an unknown field", ["queued", "validating"], { change: { note: "x" } }],
      ["another project", ["queued", "validating"], { change: { projectId: "p999999999" } }],
      ["another team", ["running", "healthy"], { change: { teamId: "team2" } }],
      ["a digest set too early", ["validating", "building"], { change: { imageDigest: DIGEST } }],
      ["a digest that is a tag", ["building", "built"], { change: { imageDigest: "latest" } }],
      ["a digest with a tail", ["building", "built"], { change: { imageDigest: `${DIGEST}0` } }],
      ["no digest", ["building", "built"], { change: { imageDigest: null } }],
      ["no failure", ["building", "failed"], { change: { failure: null } }],
      ["a failure without code", ["building", "failed"], { change: { failure: { title: "x" } } }],
      [
        "a failure code that is no string",
        ["building", "failed"],
        { change: { failure: { code: 1 } } },
      ],
      ["a record by someone else", ["queued", "validating"], { record: { by: "build" } }],
      ["a record with another from", ["queued", "validating"], { record: { from: "failed" } }],
      ["a record with another to", ["queued", "validating"], { record: { to: "building" } }],
      ["a record with another time", ["queued", "validating"], { record: { at: OLD } }],
      ["a record with another attempt", ["queued", "validating"], { record: { attempt: 1 } }],
      ["a record with another seq", ["queued", "validating"], { record: { seq: 6 } }],
      ["a record under another id", ["queued", "validating"], { recordId: "000006" }],
      ["a record under an unpadded id", ["queued", "validating"], { recordId: "5" }],
      ["a record in place of an older one", ["queued", "validating"], { recordId: "000004" }],
      ["a record with a foreign field", ["queued", "validating"], { record: { note: "x" } }],
      ["a record with a reason that is no text", ["queued", "validating"], { record: { why: 1 } }],
      [
        "a record with evidence that is no map",
        ["queued", "validating"],
        { record: { evidence: "x" } },
      ],
    ];
  test.each(forgeries)("%s", (_what, [from, to], forgery) => {
    const owner = MOVES.find((move) => move[0] === from && move[1] === to)?.[2] ?? "";
    expect(tryMove(from, to, owner, service(owner)).allowed).toBe(true);
    expect(tryMove(from, to, owner, service(owner), forgery).allowed).toBe(false);
  });

  test("a service name claimed by a person's uid", () => {
    const auth = { uid: "mia", token: { svc: "validate" } };
    expect(tryMove("queued", "validating", "validate", auth).allowed).toBe(false);
  });

  test("a service uid without the claim", () => {
    const auth = { uid: "svc:validate", token: {} };
    expect(tryMove("queued", "validating", "validate", auth).allowed).toBe(false);
  });

  test("building before a snapshot exists", () => {
    const world = worldIn("validating");
    const fresh = new RulesWorld(rules);
    fresh.put(`deployments/${ID}`, { ...DEPLOYMENT, state: "validating" });
    const writes = [
      { merge: `deployments/${ID}`, fields: moveFields("validating", "building") },
      {
        set: `deployments/${ID}/transitions/000005`,
        fields: recordFields("validating", "building", "build"),
      },
    ];
    expect(world.commit(service("build"), writes).allowed).toBe(true);
    expect(fresh.commit(service("build"), writes).allowed).toBe(false);
  });
});

describe("history", () => {
  const place = `deployments/${ID}/transitions/000004`;
  test("no one edits, deletes or adds a record without its move", () => {
    const world = worldIn("queued");
    const record = recordFields("queued", "validating", "validate");
    const passing = PRINCIPALS.filter(([name, auth]) =>
      [
        { merge: place, fields: { why: "x" } },
        { delete: place },
        { delete: `deployments/${ID}` },
        { set: `deployments/${ID}/transitions/000005`, fields: { ...record, by: name } },
        { set: `deployments/${ID}/transitions/000004`, fields: { ...record, by: name, seq: 4 } },
        { merge: `deployments/${ID}`, fields: { seq: 5 } },
        { merge: `deployments/${ID}`, fields: { attempt: 1 } },
        { merge: `deployments/${ID}`, fields: { stateSince: NOW } },
        { merge: `deployments/${ID}/logs/1-a`, fields: { step: "y" } },
        { delete: `deployments/${ID}/logs/1-a` },
        { merge: PROJECT_PATH, fields: { liveNumber: 99 } },
        { merge: PROJECT_PATH, fields: { teamId: "team2" } },
      ].some((write) => world.commit(auth, [write]).allowed),
    );
    expect(passing.map(([name]) => name)).toEqual([]);
  });
});

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
      ...(next === 8 ? [] : [{ merge: PROJECT_PATH, fields: { nextNumber: next } }]),
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
    ["a project that does not exist", { projectId: "p999999999" }, {}, 9],
    ["a branch as commit", { commit: { ...DEPLOYMENT.commit, sha: "main" } }, {}, 9],
    ["a commit with more fields", { commit: { ...DEPLOYMENT.commit, token: "x" } }, {}, 9],
    ["an unknown trigger", { trigger: "magic" }, {}, 9],
    ["an unknown source", { source: { kind: "zip", rollbackOf: null } }, {}, 9],
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
  function release(change: Fields, withMove = true) {
    const pointer = { liveDeploymentId: ID, liveNumber: 7, ...change };
    const move = [
      { merge: `deployments/${ID}`, fields: moveFields("running", "healthy") },
      {
        set: `deployments/${ID}/transitions/000005`,
        fields: recordFields("running", "healthy", "verify"),
      },
    ];
    return [...(withMove ? move : []), { merge: PROJECT_PATH, fields: pointer }];
  }

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
    ["with another field", "running", release({ nextNumber: 9 })],
    [
      "to a deployment that does not exist",
      "running",
      release({ liveDeploymentId: "dnone4567890" }),
    ],
  ])("does not move %s", (_what, state, writes) => {
    expect(worldIn(state).commit(service("verify"), writes).allowed).toBe(false);
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

describe("fields and documents beside the moves", () => {
  const at = `deployments/${ID}`;
  const log = { stream: "build", step: "install", lines: ["ok"], at: OLD };
  const sample = { pod: "shop-1", healthy: true };
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
    ["building", `${at}/internal/build`, note, ["build", "start-build", "finish-build", "fail"]],
    ["queued", `${at}/internal/execution`, note, ["validate", "publish-events", "reap"]],
    ["running", `${at}/internal/observation`, note, ["observe", "verify"]],
    ["running", `${at}/internal/other`, note, []],
    ["building", `${at}/logs/2-b`, log, ["append-logs"]],
    ["building", `${at}/logs/2-b`, { ...log, stream: "secret" }, []],
    ["building", `${at}/logs/2-b`, { ...log, extra: 1 }, []],
    ["running", `${at}/replicas/shop-1`, sample, ["collector"]],
    ["queued", PROJECT_PATH, { name: "Shop 2", updatedAt: NOW }, ["api"]],
    ["queued", PROJECT_PATH, { name: "Shop 2", updatedAt: OLD }, []],
    ["queued", PROJECT_PATH, { settings: { a: 1 }, updatedAt: NOW }, ["api"]],
    ["queued", PROJECT_PATH, { slug: "shop2", updatedAt: NOW }, []],
    ["queued", PROJECT_PATH, { nextNumber: 9 }, ["api", "github-webhook"]],
    ["queued", PROJECT_PATH, { nextNumber: 7 }, []],
    ["queued", "routes/a.example", { host: "a.example", projectId: "p", targets: [] }, ["api"]],
    ["queued", "routes/a.example", { host: "b.example", projectId: "p", targets: [] }, []],
    ["queued", "apiKeys/abc", { uid: "mia" }, ["api"]],
    ["queued", "idempotencyKeys/abc", { status: 200 }, ["api"]],
    ["queued", "webhookDeliveries/abc", { answer: {} }, ["github-webhook"]],
    ["queued", "gatewayNodes/n1", { at: OLD }, ["gateway"]],
    ["queued", "policies/limit", { active: 1 }, ["api"]],
    ["queued", "domains/a.example", { projectId: "p" }, ["api"]],
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
    const replace = (path: string) => [{ set: path, fields: { status: 500 } }];
    expect(world.commit(service("api"), replace("idempotencyKeys/abc")).allowed).toBe(false);
    expect(world.commit(service("github-webhook"), replace("webhookDeliveries/abc")).allowed).toBe(
      false,
    );
  });

  test("a project is created by api with its counters at the beginning", () => {
    const world = new RulesWorld(rules);
    const fields = { ...PROJECT, nextNumber: 1, createdAt: NOW, updatedAt: NOW };
    const create = (by: string, change: Fields) =>
      world.commit(service(by), [{ set: PROJECT_PATH, fields: { ...fields, ...change } }]).allowed;
    expect(create("api", {})).toBe(true);
    expect(create("verify", {})).toBe(false);
    expect(create("api", { liveNumber: 1 })).toBe(false);
    expect(create("api", { liveDeploymentId: ID })).toBe(false);
    expect(create("api", { nextNumber: 2 })).toBe(false);
    expect(create("api", { teamId: "a_b" })).toBe(false);
    expect(create("api", { createdAt: OLD })).toBe(false);
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
