/** firestore.rules, move by move. Moves and owners are spelled out here on purpose, not imported. */
import { describe, expect, test } from "vitest";
import {
  DEPLOYMENT,
  DIGEST,
  FAILURE,
  ID,
  moveFields,
  OLD,
  PRINCIPALS,
  productRules,
  PROJECT_PATH,
  recordFields,
  worldIn,
} from "./lifecycle-world.ts";
import { NOW, RulesWorld, service, type Auth, type Fields } from "./rules-world.ts";

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
  const pointer = {
    merge: PROJECT_PATH,
    fields: { liveDeploymentId: ID, formerDeploymentId: null, liveNumber: 7 },
  };
  const along = to === "healthy" ? [pointer] : [];
  return worldIn(from).commit(auth, [move, ...(record === null ? [] : [entry]), ...along]);
}

test("a release is healthy only when its project is there and serves it", () => {
  const move = { merge: `deployments/${ID}`, fields: moveFields("running", "healthy") };
  const record = recordFields("running", "healthy", "verify");
  const entry = { set: `deployments/${ID}/transitions/000005`, fields: record };
  const world = worldIn("running");
  const serves = { liveDeploymentId: ID, formerDeploymentId: null, liveNumber: 7 };
  const pointer = { merge: PROJECT_PATH, fields: serves };
  expect(world.commit(service("verify"), [move, entry]).allowed).toBe(false);
  expect(world.commit(service("verify"), [move, entry, pointer]).allowed).toBe(true);
  const orphan = worldIn("running");
  orphan.remove(PROJECT_PATH);
  expect(orphan.commit(service("verify"), [move, entry]).allowed).toBe(false);
});

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
    expect(tried).toBe(64 * 20);
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
      ["a hash that is no text", ["built", "deploying"], { change: { manifestsHash: 1 } }],
      ["a url that is no text", ["built", "deploying"], { change: { url: null } }],
      ["no digest", ["building", "built"], { change: { imageDigest: null } }],
      ["no failure", ["building", "failed"], { change: { failure: null } }],
      ["half a failure", ["building", "failed"], { change: { failure: { code: "cancelled" } } }],
      [
        "a failure with more",
        ["building", "failed"],
        { change: { failure: { ...FAILURE, x: 1 } } },
      ],
      [
        "a failure without code",
        ["building", "failed"],
        { change: { failure: { ...FAILURE, code: null } } },
      ],
      [
        "a failure code that is no string",
        ["building", "failed"],
        { change: { failure: { ...FAILURE, code: 1 } } },
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
    const fresh = new RulesWorld(productRules);
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
