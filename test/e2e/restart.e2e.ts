/** The platform is killed in every state of a deployment and started again: nothing is lost, repeated or left behind. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { State } from "@bifrost/shared/domain/lifecycle";
import { until } from "../support/until.ts";
import { registeredApp, type Pace } from "./restart/app.ts";
import { familyOf } from "./restart/crash.ts";
import { buildsOf, rolloutsOf } from "./restart/evidence.ts";
import { followMoves } from "./restart/moves.ts";
import { HEALTHY_ONCE, Session } from "./restart/session.ts";

let session: Session;
beforeAll(async () => void (session = await Session.begin()));
afterAll(() => session.end());

/** The id of the next deployment that reaches `state`. */
function reaching(state: State): Promise<string> {
  return new Promise((resolve) => {
    const follower = followMoves(session.home, ({ to, deploymentId }) => {
      if (to !== state) return;
      follower.stop();
      resolve(deploymentId);
    });
  });
}

const CASES: readonly { readonly state: State; readonly pace?: Pace }[] = [
  { state: "queued" },
  { state: "validating" },
  { state: "building", pace: { buildSeconds: 0.5 } },
  { state: "built" },
  { state: "deploying" },
  { state: "running", pace: { startSeconds: 0.5 } },
  { state: "healthy" },
];

describe("a platform that is killed", () => {
  test.for(CASES)("while a deployment is $state brings it to healthy", async (row) => {
    const slug = `kill-${row.state}`;
    const repository = await registeredApp(session.platform, slug, row.pace);
    const killed = session.killAt(row.state);
    await repository.try("push", "bifrost", "main");
    const id = await killed;
    expect(session.statesOf(id).at(-1)).toBe(row.state);
    await session.start();
    expect(await session.outcomeOf(id)).toEqual(HEALTHY_ONCE);
    await session.untilAnswer(slug);
  });

  test("brings apps that were healthy back by itself", async () => {
    for (const { state } of CASES) await session.untilAnswer(`kill-${state}`);
  });

  test("in the middle of its own start, twice, goes on where the first one was", async () => {
    const repository = await registeredApp(session.platform, "kill-twice", { buildSeconds: 1 });
    const killed = session.killAt("building");
    await repository.try("push", "bifrost", "main");
    const id = await killed;
    await session.startAndKillAfter(700);
    await session.startAndKillAfter(1500);
    await session.start();
    expect(await session.outcomeOf(id)).toEqual(HEALTHY_ONCE);
  });

  test("just after it promised to cancel keeps the promise", async () => {
    const repository = await registeredApp(session.platform, "kill-cancel", { buildSeconds: 30 });
    const building = reaching("building");
    await repository.git("push", "bifrost", "main");
    const id = await building;
    await until(async () => (await buildsOf(session.platform, id, 1)).includes("WORKING"));
    expect((await session.platform.apiPost(`/deployments/${id}/cancel`)).status).toBe(202);
    await session.kill();
    await session.start();
    expect(await session.ended(id)).toMatchObject({
      state: "failed",
      failure: { code: "cancelled" },
    });
    expect(await buildsOf(session.platform, id, 1)).toEqual(["CANCELLED"]);
    expect(await rolloutsOf(session.platform, id)).toEqual([]);
    const sleeping = familyOf(session.platform.pid).filter(({ commandLine }) =>
      commandLine.includes("sleep 30"),
    );
    expect(sleeping).toEqual([]);
  });
});

describe("one program of the platform that is killed", () => {
  test("the functions, while a deployment is built, are started anew and it ends", async () => {
    const repository = await registeredApp(session.platform, "kill-functions", { buildSeconds: 1 });
    const building = reaching("building");
    await repository.git("push", "bifrost", "main");
    const id = await building;
    process.kill((await session.platform.info())["programs"]?.["functions"], "SIGKILL");
    expect(await session.outcomeOf(id)).toEqual(HEALTHY_ONCE);
  });

  test("the gateway is started anew and serves again", async () => {
    const before = (await session.platform.info())["programs"]?.["gateway"];
    process.kill(before, "SIGKILL");
    await until(async () => {
      const now = (await session.platform.info())["programs"]?.["gateway"];
      return now !== null && now !== before;
    });
    await session.untilAnswer("kill-healthy");
  });
});

describe("a platform that is stopped and started", () => {
  test("shows everything as it was and goes on with what was under way", async () => {
    const repository = await registeredApp(session.platform, "stop", { buildSeconds: 1 });
    const building = reaching("building");
    await repository.git("push", "bifrost", "main");
    const id = await building;
    const before = await everything();
    await session.platform.stop();
    await session.start();
    expect(await everything()).toEqual(before);
    expect(await session.outcomeOf(id)).toEqual(HEALTHY_ONCE);
    for (const { state } of CASES) await session.untilAnswer(`kill-${state}`);
  });
});

/** Projects, and of the apps that rest their deployments, moves and build logs. */
async function everything(): Promise<unknown> {
  const { platform } = session;
  const apps = CASES.map(async ({ state }) => {
    const deployments = await platform.deployments(`kill-${state}`);
    const details = deployments.map(async ({ id }) => [
      await platform.apiGet(`/deployments/${id}/transitions`),
      await platform.apiGet(`/deployments/${id}/logs?stream=build&limit=1000`),
    ]);
    return { deployments, details: await Promise.all(details) };
  });
  return { projects: await platform.apiGet("/projects"), apps: await Promise.all(apps) };
}
