/** Whatever many writers do at once, lawful or not: what is stored and what is seen stays lawful. BIFROST_SEED repeats a run. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { removeFolder, temporaryFolder } from "../../support/folders.ts";
import { chooseSeed, seededRandom } from "../../support/seeded.ts";
import { until } from "../../support/until.ts";
import { World } from "../firestore-world.ts";
import { Connections } from "./ways.ts";
import { brokenBy } from "./writers/commit-watch.ts";
import { verdict } from "./writers/judge.ts";
import { type Ledger, readLedger } from "./writers/ledger.ts";
import { Onlooker } from "./writers/onlooker.ts";
import { wrongRecords, wrongStates } from "./writers/onlooker-verdict.ts";
import { Writers } from "./writers/writers.ts";
import { SharedWorld } from "./writers/writers-world.ts";

const IS_LONG = process.env["BIFROST_SOAK"] === "long";
const OPERATIONS = IS_LONG ? 200_000 : 20_000;
const CHECKPOINTS = IS_LONG ? 20 : 4;
const TIMEOUT_MS = IS_LONG ? 1_800_000 : 180_000;
/** Operations under way at a time. */
const WIDTH = 24;
const PROJECTS = 5;
const DEPLOYMENTS = 50;
const FOLLOWED = 6;

const seed = chooseSeed();
const folder = temporaryFolder("bf-law-");

let world: World;
let connections: Connections;
let onlooker: Onlooker;
beforeAll(async () => {
  world = await World.start({ dataDir: folder });
  connections = new Connections(world.address);
  onlooker = new Onlooker(world.address, await world.token("mia"));
});
afterAll(async () => {
  connections.close();
  await onlooker.leave();
  await world.stop();
  removeFolder(folder);
});

/** The first deployments, whose documents and histories the onlooker follows. */
function followFirst(deployments: readonly string[]): void {
  for (const id of deployments.slice(onlooker.states.size, FOLLOWED)) onlooker.follow(id);
}

/** Waits until the onlooker has seen the end, then tells what it saw that the records do not. */
async function wronglySeen({ deployments }: Ledger): Promise<readonly string[]> {
  const wrong: string[] = [];
  for (const deployment of deployments) {
    const { id, seq } = deployment;
    const [states, records] = [onlooker.states.get(id), onlooker.records.get(id)];
    if (states === undefined || records === undefined) continue;
    const what = `the end of ${id} in the onlooker's sight`;
    await until(() => states.at(-1)?.seq === seq && records.length === seq, { what });
    wrong.push(...wrongStates(deployment, states), ...wrongRecords(deployment, records));
  }
  return [...wrong, ...onlooker.errors];
}

describe(`many writers at once (BIFROST_SEED=${seed})`, () => {
  test(`leave a lawful store after ${OPERATIONS} operations`, { timeout: TIMEOUT_MS }, async () => {
    const random = seededRandom(seed);
    const shared = new SharedWorld({
      world,
      random,
      projects: PROJECTS,
      deployments: DEPLOYMENTS,
    });
    await shared.begin();
    const broken: string[] = [];
    world.server.onCommit((commit) => broken.push(...brokenBy(commit)));
    const writers = new Writers(shared, connections);
    await writers.run(100, WIDTH);
    followFirst(shared.deployments);
    for (let checkpoint = 1; checkpoint <= CHECKPOINTS; checkpoint++) {
      await writers.run((OPERATIONS * checkpoint) / CHECKPOINTS, WIDTH);
      const ledger = await readLedger(world);
      expect(writers.surprises).toEqual([]);
      expect(verdict(ledger, writers.acknowledged)).toEqual([]);
      expect(broken).toEqual([]);
      expect(await wronglySeen(ledger)).toEqual([]);
    }
    console.table(
      Object.fromEntries([...writers.tally].map(([kind, n]) => [kind, Object.fromEntries(n)])),
    );
    const seen = [...onlooker.states.values()].map((all) => all.length);
    console.log(
      `${writers.sent} operations, ${writers.acknowledged.length} moves and creations of ` +
        `${shared.deployments.length} deployments; seen: ${seen.join(", ")}`,
    );
    expect(writers.sent).toBe(OPERATIONS);
    expect(shared.deployments.length).toBeGreaterThan(DEPLOYMENTS - 5);
    expect(writers.acknowledged.length).toBeGreaterThan(OPERATIONS / 20);
  });
});
