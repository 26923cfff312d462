/** Kills at random moments after several pushes; `npm run soak` makes many of them. BIFROST_SEED repeats a run. */
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Repository } from "../support/repository.ts";
import { registeredApp } from "./restart/app.ts";
import { chooseSeed, seededRandom } from "../support/seeded.ts";
import { HEALTHY_ONCE, Session } from "./restart/session.ts";

/** Each kill finds this many deployments, each somewhere else. */
const APPS = 3;
const KILLS = process.env["BIFROST_SOAK"] === "long" ? 60 : 3;
/** From the first push to the kill at most; a deployment takes about as long. */
const LATEST_KILL_MS = 1500;
/** A start is killed as well, within this time, as often as not. */
const START_MS = 2000;

const seed = chooseSeed();
const random = seededRandom(seed);

interface App {
  readonly slug: string;
  readonly repository: Repository;
}

let session: Session;
let apps: readonly App[];

beforeAll(async () => {
  session = await Session.begin();
  apps = await Promise.all(
    Array.from({ length: APPS }, async (_, index) => {
      const slug = `random-${index}`;
      return { slug, repository: await registeredApp(session.platform, slug) };
    }),
  );
});
afterAll(() => session.end());

/** Pushes a new commit after a while; what git says about a platform that dies under it does not matter. */
async function push({ repository }: App, round: number, delayMs: number): Promise<string> {
  const sha = await repository.commit(`round ${round}`);
  await sleep(delayMs);
  await repository.try("push", "bifrost", "main");
  return sha;
}

/** A developer whose push failed pushes again; exactly one deployment comes of it. */
async function expectOneDeployment({ slug, repository }: App, sha: string): Promise<void> {
  await repository.git("push", "bifrost", "main");
  const pushed = () => session.platform.apiGet(`/projects/${slug}/deployments?commit=${sha}`);
  await expect.poll(async () => (await pushed()).body.items.length, { timeout: 10_000 }).toBe(1);
  const [{ id }] = (await pushed()).body.items;
  expect(await session.outcomeOf(id)).toEqual(HEALTHY_ONCE);
  expect((await pushed()).body.items).toHaveLength(1);
}

describe(`kills at random moments (BIFROST_SEED=${seed})`, () => {
  test.for(Array.from({ length: KILLS }, (_, index) => index + 1))(
    `kill %i: all ${APPS} deployments end, each with one build and one rollout`,
    async (round) => {
      const pushes = apps.map((app) => push(app, round, random() * LATEST_KILL_MS * 0.6));
      await sleep(random() * LATEST_KILL_MS);
      await session.kill();
      const commits = await Promise.all(pushes);
      if (random() < 0.5) await session.startAndKillAfter(random() * START_MS);
      await session.start();
      await Promise.all(apps.map((app, at) => expectOneDeployment(app, commits[at] ?? "")));
      for (const { slug } of apps) await session.untilAnswer(slug);
    },
  );
});
