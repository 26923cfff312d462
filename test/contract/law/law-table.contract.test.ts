/** The lifecycle as law: every pair of states, tried by everyone in every way there is to write. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { World } from "../firestore-world.ts";
import { inParallel } from "./in-parallel.ts";
import { place, placedMove, SERVED } from "./places.ts";
import { SUSPECTS, type Suspect } from "./suspects.ts";
import { LAW, lawfulMove, type StateName, STATES } from "./the-law.ts";
import { COMMIT_WAYS, Connections, SINGLE_WAYS, type Way } from "./ways.ts";

/** Attempts under way at a time. */
const WIDTH = 24;

let world: World;
let connections: Connections;
beforeAll(async () => {
  world = await World.start();
  connections = new Connections(world.address);
  await world.seeder.commit([
    { set: "members/red_mia", fields: { teamId: "red", uid: "mia", role: "admin" } },
  ]);
});
afterAll(async () => {
  connections.close();
  await world.stop();
});

type Signature = "own name" | "the owner's name" | "no record";

interface Attempt {
  readonly from: StateName;
  readonly to: StateName;
  readonly suspect: Suspect;
  readonly signature: Signature;
}

/** Whoever has no name of a service signs as the owner, and illegal moves are owned by nobody: `fail` is tried. */
function* attempts(): Iterable<Attempt> {
  for (const from of STATES) {
    for (const to of STATES) {
      for (const suspect of SUSPECTS) {
        yield { from, to, suspect, signature: "no record" };
        yield { from, to, suspect, signature: "own name" };
        const owner = ownerOf(from, to);
        if (suspect.service !== null && suspect.service !== owner)
          yield { from, to, suspect, signature: "the owner's name" };
      }
    }
  }
}

function ownerOf(from: string, to: string): string {
  return lawfulMove(from, to)?.by ?? "fail";
}

function isLawful({ from, to, suspect, signature }: Attempt): boolean {
  return signature === "own name" && lawfulMove(from, to)?.by === suspect.service;
}

async function outcomeOf(way: Way, attempt: Attempt, id: string): Promise<string> {
  const { from, to, suspect, signature } = attempt;
  const owner = ownerOf(from, to);
  const name = suspect.service ?? owner;
  const by = signature === "own name" ? name : owner;
  const { change, record, pointer } = placedMove(id, from, to, by);
  const history = signature === "no record" ? [] : [record];
  const token = await suspect.token(world, name);
  return way.write(connections, token, [change, ...history, ...pointer]);
}

/** Tries them all; those that the law lets pass get a deployment of their own, the others share one per state. */
async function tryAll(way: Way, all: Iterable<Attempt>) {
  for (const from of STATES) await place(world, `shared-${from}`, from);
  const passed: string[] = [];
  const refusals = new Set<string>();
  let count = 0;
  const tasks = [...all].map((attempt) => async () => {
    const { from, to, suspect } = attempt;
    const id = isLawful(attempt) ? `${from}-to-${to}` : `shared-${from}`;
    if (isLawful(attempt)) await place(world, id, from);
    count += 1;
    const outcome = await outcomeOf(way, attempt, id);
    if (outcome === "OK") passed.push(`${from} → ${to} by ${suspect.name}`);
    else refusals.add(outcome);
  });
  await inParallel(tasks, WIDTH);
  return { passed, refusals: [...refusals], count };
}

/** Removes what the lawful moves left, for the next way to begin with. */
async function clear(): Promise<void> {
  for (const { from, to } of LAW) {
    const id = `${from}-to-${to}`;
    const records = ["000004", "000005"].map((name) => `deployments/${id}/transitions/${name}`);
    await world.seeder.commit([`deployments/${id}`, ...records].map((path) => ({ delete: path })));
  }
}

async function expectSharedUntouched(): Promise<void> {
  for (const from of STATES) {
    const found = await world.seeder.get(`deployments/shared-${from}`);
    expect(found?.fields).toMatchObject({ state: from, seq: 4, attempt: 2 });
    expect(await world.deployments("api").transitions(`shared-${from}` as never)).toHaveLength(1);
    const project = await world.seeder.get(`projects/p-shared-${from}`);
    expect(project?.fields).toMatchObject(SERVED);
  }
}

describe("64 pairs of states, tried by everyone under every signature", () => {
  const law = LAW.map(({ from, to, by }) => `${from} → ${to} by ${by}`).toSorted();
  let tried = 0;
  let lawful = 0;
  afterAll(() => {
    console.log(`${tried} attempts: ${lawful} passed, ${tried - lawful} refused by the rules`);
  });

  test.each(COMMIT_WAYS)("$name lets the fourteen moves of their owners pass", async (way) => {
    const { passed, refusals, count } = await tryAll(way, attempts());
    tried += count;
    lawful += passed.length;
    expect(passed.toSorted()).toEqual(law);
    expect(refusals).toEqual(["PERMISSION_DENIED"]);
    // 64 pairs by 39 suspects, with and without a record, and by 23 services in the owner's name.
    expect(count).toBe(64 * 39 * 2 + 64 * 23);
    await expectSharedUntouched();
    await clear();
  });

  test.each(SINGLE_WAYS)("$name lets no move pass", async (way) => {
    const signed = [...attempts()].filter(({ signature }) => signature === "own name");
    const { passed, refusals, count } = await tryAll(way, signed);
    tried += count;
    expect(passed).toEqual([]);
    expect(refusals).toEqual(["PERMISSION_DENIED"]);
    expect(count).toBe(64 * 39);
    await expectSharedUntouched();
  });
});
