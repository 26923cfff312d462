/**
 * The law on the whole platform: deployments that really came of a push, and the tokens that services really get.
 * Every pair of states, every forgery and every way of writing are tried on the store alone: test/contract/law.
 */
import type { FirestoreRest } from "@bifrost/shared/cloud/firestore-rest";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FORGED_CHANGES } from "../contract/law/forged-changes.ts";
import { creation } from "../contract/law/forged-creations.ts";
import { FORGED_HISTORY } from "../contract/law/forged-history.ts";
import { inParallel } from "../contract/law/in-parallel.ts";
import { moveWrites, type MoveWrites } from "../contract/law/move-writes.ts";
import { CREATORS, lawfulMove, type StateName, STATES } from "../contract/law/the-law.ts";
import { COMMIT_WAYS, Connections, type Way } from "../contract/law/ways.ts";
import { App } from "../support/app.ts";
import { nodeApp } from "../support/folders.ts";
import { type PlatformUnderTest, startPlatform } from "../support/platform.ts";
import { documentsAs, firestoreAddress, personToken, serviceToken } from "../support/principals.ts";

/** Every service account of the platform. */
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
  "restore",
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
const NOBODY = "nobody";
const EVERYONE = [...SERVICES, MEMBER, STRANGER, NOBODY];
const WIDTH = 8;

let platform: PlatformUnderTest;
let connections: Connections;
let documents: FirestoreRest;
const tokens = new Map<string, string | null>([[NOBODY, null]]);
/** By the state it came to. */
const deployments = new Map<string, string>();

beforeAll(async () => {
  platform = await startPlatform();
  connections = new Connections(firestoreAddress(platform));
  for (const name of SERVICES) tokens.set(name, await serviceToken(platform, name));
  tokens.set(MEMBER, await personToken(platform, "local"));
  tokens.set(STRANGER, await personToken(platform, "stranger"));
  documents = documentsAs(platform, tokens.get("api") ?? "");
  const app = await App.create(platform, "law", nodeApp("law"));
  const healthy = await platform.untilDeployment((await app.push()).id);
  const failed = await platform.untilDeployment((await app.change({ "deploy.toml": "?" })).id);
  for (const { id, state } of [healthy, failed]) deployments.set(state, id);
});
afterAll(async () => {
  connections.close();
  await platform.stop();
});

async function stored(state: string) {
  const id = deployments.get(state) ?? "none";
  const found = await documents.get(`deployments/${id}`);
  if (found === null) throw new Error(`no deployment is ${state}`);
  return { id, fields: found.fields };
}

/** A well-formed move of the deployment that is in `from`, signed by `by`. */
async function moveOf(from: string, to: StateName, by: string): Promise<MoveWrites> {
  const { id, fields } = await stored(from);
  const { projectId, number, seq, attempt } = fields;
  return moveWrites({
    id,
    projectId: String(projectId),
    number: Number(number),
    from,
    to,
    by,
    seq: Number(seq) + 1,
    attempt: Number(attempt) + (to === "queued" ? 1 : 0),
    former: deployments.get("healthy") ?? null,
  });
}

function send(way: Way, who: string, { change, record, pointer }: MoveWrites): Promise<string> {
  return way.write(connections, tokens.get(who) ?? null, [change, record, ...pointer]);
}

describe.each([
  ["healthy", "failed", "fail"],
  ["failed", "queued", "retry"],
] as const)("a deployment that is %s", (from, onwards, owner) => {
  test.each(COMMIT_WAYS)("is moved by $name by nobody else, and nowhere else", async (way) => {
    const { fields: before } = await stored(from);
    const outcomes = new Set<string>();
    const tasks = STATES.flatMap((to) =>
      EVERYONE.filter((who) => to !== onwards || who !== owner).map((who) => async () => {
        const by = SERVICES.includes(who) ? who : (lawfulMove(from, to)?.by ?? "fail");
        outcomes.add(await send(way, who, await moveOf(from, to, by)));
      }),
    );
    await inParallel(tasks, WIDTH);
    expect(tasks).toHaveLength(8 * 24 - 1);
    expect([...outcomes]).toEqual(["PERMISSION_DENIED"]);
    expect((await stored(from)).fields).toEqual(before);
  });

  test(`is moved by ${owner} with nothing forged, and then to ${onwards}`, async () => {
    const [way] = COMMIT_WAYS;
    if (way === undefined) throw new Error("there is no way to write");
    const move = await moveOf(from, onwards, owner);
    const near = await stored(from === "healthy" ? "failed" : "healthy");
    const { projectId, seq } = near.fields;
    const neighbour = { id: near.id, projectId: String(projectId), seq: Number(seq) };
    for (const { what, forge } of [...FORGED_CHANGES, ...FORGED_HISTORY]) {
      const writes = forge({ ...move, neighbour });
      if (writes === null) continue;
      const outcome = await way.write(connections, tokens.get(owner) ?? null, writes);
      expect([what, outcome]).toEqual([what, "PERMISSION_DENIED"]);
    }
    expect(await send(way, owner, move)).toBe("OK");
    expect(await send(way, owner, move)).not.toBe("OK");
  });
});

test("only the three creators create a deployment, and only at queued", async () => {
  const { id: origin, fields } = await stored("healthy");
  const projectId = String(fields["projectId"]);
  const [way] = COMMIT_WAYS;
  const created: string[] = [];
  for (const who of EVERYONE) {
    for (const state of ["queued", "healthy"] as const) {
      const project = await documents.get(`projects/${projectId}`);
      const number = Number(project?.fields["nextNumber"]);
      const by = SERVICES.includes(who) ? who : "api";
      const id = `dlaw${"abcdefghijklmnopqrstuvwxyz"[number] ?? "z"}aaaaaaaaa`;
      const parts = creation({ id, projectId, by, state, number, origin });
      const team = { ...parts.deployment.update.fields, teamId: { stringValue: "local" } };
      const deployment = {
        ...parts.deployment,
        update: { ...parts.deployment.update, fields: team },
      };
      const writes = [deployment, parts.record, parts.counter];
      const outcome = await way?.write(connections, tokens.get(who) ?? null, writes);
      if (outcome !== "PERMISSION_DENIED") created.push(`${state} by ${who}: ${outcome}`);
    }
  }
  expect(created).toEqual(CREATORS.map((who) => `queued by ${who}: OK`));
});
