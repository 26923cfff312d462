/**
 * The law on the whole platform, with the tokens that its services really get. Every pair of states, every forgery
 * and every way of writing are tried on the store alone: test/contract/law.
 */
import { isBifrostError } from "@bifrost/shared/domain/errors";
import type { FirestoreRest, RestWrite } from "@bifrost/shared/cloud/firestore-rest";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inParallel } from "../contract/law/in-parallel.ts";
import { CREATORS, LAW, lawfulMove } from "../contract/law/the-law.ts";
import { type PlatformUnderTest, startPlatform } from "../support/platform.ts";
import { documentsAs, documentsAsOwner, personToken, serviceToken } from "../support/principals.ts";

const SERVICES = [
  "api",
  "github-webhook",
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
  "issue-principal",
  "collector",
  "gateway",
  "workflows",
  "scheduler",
  "builder",
];
const MEMBER = "a member of the team";
const STRANGER = "a stranger";
const ANONYMOUS = "nobody";
const EVERYONE = [...SERVICES, MEMBER, STRANGER, ANONYMOUS];

const DIGEST = `sha256:${"a".repeat(64)}`;
/** Far ahead, so that what tends forgotten deployments leaves these alone. */
const SINCE = new Date("2100-01-01T00:00:00Z");
const FAILURE = { code: "cancelled", message: "", details: [], hint: "", state: "queued" };

let platform: PlatformUnderTest;
let owner: FirestoreRest;
const as = new Map<string, FirestoreRest>();

beforeAll(async () => {
  platform = await startPlatform();
  owner = documentsAsOwner(platform);
  for (const name of SERVICES)
    as.set(name, documentsAs(platform, await serviceToken(platform, name)));
  as.set(MEMBER, documentsAs(platform, await personToken(platform, "local")));
  as.set(STRANGER, documentsAs(platform, await personToken(platform, "stranger")));
  as.set(ANONYMOUS, documentsAs(platform, null));
  await owner.commit([
    {
      set: "projects/law",
      fields: {
        name: "law",
        slug: "law",
        repository: "local/law",
        defaultBranch: "main",
        teamId: "local",
        settings: {},
        liveDeploymentId: null,
        liveNumber: 6,
        newestDeploymentId: null,
        nextNumber: 7,
        createdAt: SINCE,
        updatedAt: SINCE,
      },
    },
  ]);
});
afterAll(() => platform.stop());

function describing(state: string, number = 1) {
  return {
    projectId: "law",
    teamId: "local",
    number,
    branch: "main",
    trigger: "api",
    state,
    commit: { sha: "a".repeat(40), message: "", author: "" },
    source: { kind: "commit", rollbackOf: null },
    createdBy: "local",
    configHash: null,
    imageDigest: null,
    manifestsHash: null,
    url: null,
    failure: state === "failed" ? FAILURE : null,
    retiredAt: null,
  };
}

/** Puts a deployment into a state past all rules, at seq 1 and attempt 1. */
async function place(id: string, state: string): Promise<void> {
  const fields = { ...describing(state), seq: 1, attempt: 1, stateSince: SINCE, createdAt: SINCE };
  await owner.commit([
    { set: `deployments/${id}`, fields },
    { set: `deployments/${id}/snapshot/config`, fields: { attempt: 1 } },
  ]);
}

/** What the state's own function writes when it arrives there. */
const ARRIVAL: Readonly<Record<string, object>> = {
  built: { imageDigest: DIGEST },
  deploying: { manifestsHash: "b".repeat(64), url: "http://law.localhost" },
  failed: { failure: FAILURE },
  queued: { failure: null },
};

interface Attempt {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly by: string;
}

/** The writes of a well-formed move; only who makes it and which one it is can be wrong. */
function moveWrites({ id, from, to, by }: Attempt): readonly [RestWrite, RestWrite] {
  const attempt = to === "queued" ? 2 : 1;
  return [
    {
      set: `deployments/${id}`,
      merge: true,
      fields: { state: to, seq: 2, attempt, ...ARRIVAL[to] },
      serverTimes: ["stateSince"],
    },
    {
      set: `deployments/${id}/transitions/000002`,
      fields: { from, to, by, attempt, seq: 2, why: null, evidence: null },
      serverTimes: ["at"],
      must: { exists: false },
    },
  ];
}

/** "passed", or the code of the refusal. */
async function outcome(who: string, writes: readonly RestWrite[]): Promise<string> {
  const documents = as.get(who);
  if (documents === undefined) throw new Error(`no token for ${who}`);
  try {
    await documents.commit(writes);
    return "passed";
  } catch (error) {
    if (isBifrostError(error)) return error.code;
    throw error;
  }
}

/** The name that a principal signs with; people sign as the service whose move it is. */
function signature(who: string, from: string, to: string): string {
  return SERVICES.includes(who) ? who : (lawfulMove(from, to)?.by ?? "fail");
}

/** The same write with other fields. */
function other(write: RestWrite, fields: object): RestWrite {
  return "set" in write ? { ...write, fields: { ...write.fields, ...fields } } : write;
}

describe("the law of the lifecycle", () => {
  test("lets each of the fourteen moves pass for its one owner", async () => {
    const passed: string[] = [];
    const refusals = new Map<string, number>();
    for (const { from, to } of LAW) await place(`law-${from}-${to}`, from);
    // The owner comes last: a move that passes changes the document that the others were refused.
    const inTurn = LAW.map(({ from, to, by }) => async () => {
      const id = `law-${from}-${to}`;
      for (const who of [...EVERYONE.filter((one) => one !== by), by]) {
        const result = await outcome(
          who,
          moveWrites({ id, from, to, by: signature(who, from, to) }),
        );
        if (result === "passed") passed.push(`${from} → ${to} by ${who}`);
        else refusals.set(result, (refusals.get(result) ?? 0) + 1);
      }
    });
    await inParallel(inTurn, 8);
    const law = LAW.map(({ from, to, by }) => `${from} → ${to} by ${by}`);
    expect(passed.toSorted()).toEqual(law.toSorted());
    expect([...refusals]).toEqual([["permission-denied", 14 * (EVERYONE.length - 1)]]);
  });

  const move = { id: "strict", from: "queued", to: "validating", by: "validate" };
  const [change, record] = moveWrites(move);
  const { serverTimes: _, ...ownTime } = change as Extract<RestWrite, { set: string }>;
  const wrong: readonly [string, readonly RestWrite[]][] = [
    ["tells nothing in the history", [change]],
    ["tells another story in the history", [change, other(record, { to: "failed" })]],
    ["signs with another name", [change, other(record, { by: "fail" })]],
    ["skips a number", [other(change, { seq: 3 }), record]],
    ["begins another attempt", [other(change, { attempt: 2 }), record]],
    ["changes what belongs to another move", [other(change, { imageDigest: DIGEST }), record]],
    [
      "changes the commit",
      [other(change, { commit: describing("queued").commit, branch: "x" }), record],
    ],
    ["sets the time itself", [other(ownTime, { stateSince: SINCE }), record]],
    ["writes the history alone", [record]],
    ["deletes the deployment", [{ delete: "deployments/strict" }]],
  ];
  test.for(wrong)("refuses even the owner of a move who %s", async ([, writes]) => {
    await place("strict", "queued");
    expect(await outcome("validate", writes)).toBe("permission-denied");
  });

  test("lets the owner of a move make it when nothing of that is wrong", async () => {
    await place("strict", "queued");
    expect(await outcome("validate", moveWrites(move))).toBe("passed");
    const again = await outcome("validate", moveWrites(move));
    expect(["permission-denied", "already-exists"]).toContain(again);
    const erased = await outcome("validate", [{ delete: "deployments/strict/transitions/000002" }]);
    expect(erased).toBe("permission-denied");
  });

  test("lets only the two creators create a deployment, and only at queued", async () => {
    const created: string[] = [];
    let number = 7;
    for (const who of EVERYONE) {
      for (const state of ["queued", "healthy"]) {
        const by = SERVICES.includes(who) ? who : "api";
        const id = `new-${number}-${created.length}`;
        const result = await outcome(who, [
          {
            set: "projects/law",
            fields: { newestDeploymentId: id, nextNumber: number + 1 },
            merge: true,
          },
          {
            set: `deployments/${id}`,
            fields: { ...describing(state, number), seq: 1, attempt: 1 },
            serverTimes: ["stateSince", "createdAt"],
            must: { exists: false },
          },
          {
            set: `deployments/${id}/transitions/000001`,
            fields: { from: null, to: state, by, attempt: 1, seq: 1, why: null, evidence: null },
            serverTimes: ["at"],
          },
        ]);
        if (result !== "passed") continue;
        created.push(`${state} by ${who}`);
        number++;
      }
    }
    expect(created).toEqual(CREATORS.map((who) => `queued by ${who}`));
  });
});
