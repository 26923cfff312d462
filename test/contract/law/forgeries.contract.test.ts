/** The law binds the owners of moves as well: whatever is forged about a move, the store refuses it whole. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { World } from "../firestore-world.ts";
import { FORGED_CHANGES } from "./forged-changes.ts";
import { FORGED_HISTORY } from "./forged-history.ts";
import type { ForgeableMove } from "./forgery.ts";
import { inParallel } from "./in-parallel.ts";
import { NUMBER, place, placedMove, projectFields, projectOf, SEQ } from "./places.ts";
import { LAW, type LawfulMove } from "./the-law.ts";
import { COMMIT_WAYS, Connections, type Way } from "./ways.ts";

const FORGERIES = [...FORGED_CHANGES, ...FORGED_HISTORY];
/** Attempts under way at a time. */
const WIDTH = 24;

let world: World;
let connections: Connections;
beforeAll(async () => {
  world = await World.start();
  connections = new Connections(world.address);
});
afterAll(async () => {
  connections.close();
  await world.stop();
});

const tokenOf = (service: string) => world.token(`svc:${service}`, { svc: service });

async function placed(move: LawfulMove, prefix: string): Promise<ForgeableMove> {
  const { from, to, by } = move;
  const id = `${prefix}-${from}-${to}`;
  const neighbour = { id: `${id}-near`, projectId: projectOf(`${id}-near`), seq: SEQ };
  await place(world, id, from);
  await place(world, neighbour.id, from);
  return { ...placedMove(id, from, to, by), neighbour };
}

/** Everything that is stored of a placed move, its neighbour and their projects. */
async function storedOf({ id, neighbour }: ForgeableMove) {
  const documents = [];
  for (const one of [id, neighbour.id]) {
    const paths = [`deployments/${one}`, `projects/${projectOf(one)}`];
    documents.push(...(await world.seeder.getAll(paths)));
    const from = [{ collectionId: "transitions" }];
    documents.push(...(await world.seeder.query(`deployments/${one}`, { from })));
  }
  return documents;
}

/** Tries every forgery of every move; answers those that were not refused by the rules. */
async function tryForgeries(way: Way, moves: readonly ForgeableMove[]) {
  const wrong: string[] = [];
  let count = 0;
  const tasks = moves.flatMap((move) =>
    FORGERIES.map(({ what, forge }) => async () => {
      const writes = forge(move);
      if (writes === null) return;
      count += 1;
      const outcome = await way.write(connections, await tokenOf(move.by), writes);
      if (outcome !== "PERMISSION_DENIED")
        wrong.push(`${move.from} → ${move.to}, ${what}: ${outcome}`);
    }),
  );
  await inParallel(tasks, WIDTH);
  return { wrong, count };
}

describe("a move by its owner", () => {
  test.each(COMMIT_WAYS)(
    "passes by $name, and with anything forged about it does not",
    async (way) => {
      const moves: ForgeableMove[] = [];
      for (const move of LAW) moves.push(await placed(move, way.name.replaceAll(" ", "-")));
      const before = await Promise.all(moves.map(storedOf));
      const { wrong, count } = await tryForgeries(way, moves);
      console.log(`${way.name}: ${count} forged moves, ${wrong.length} not refused`);
      expect(wrong).toEqual([]);
      expect(count).toBeGreaterThan(1_500);
      expect(await Promise.all(moves.map(storedOf))).toEqual(before);
      for (const { by, change, record, pointer } of moves) {
        const writes = [change, record, ...pointer];
        expect(await way.write(connections, await tokenOf(by), writes)).toBe("OK");
      }
    },
  );

  test("made by one service of two deployments stands or falls for both", async () => {
    const move = { from: "queued", to: "validating", by: "validate" } as const;
    const [one, two] = [await placed(move, "both"), await placed(move, "two")];
    const [way] = COMMIT_WAYS;
    const token = await tokenOf("validate");
    const forged = [one.change, one.record, two.change];
    expect(await way?.write(connections, token, forged)).toBe("PERMISSION_DENIED");
    expect((await world.seeder.get(`deployments/${one.id}`))?.fields["state"]).toBe("queued");
    const right = [one.change, one.record, two.change, two.record];
    expect(await way?.write(connections, token, right)).toBe("OK");
  });
});

describe("a release", () => {
  const move = { from: "running", to: "healthy", by: "verify" } as const;

  test("that is the newest goes live when it becomes healthy", async () => {
    const newest = await placed(move, "newest");
    const [way] = COMMIT_WAYS;
    const token = await tokenOf("verify");
    const aside = [newest.change, newest.record];
    expect(await way?.write(connections, token, aside)).toBe("PERMISSION_DENIED");
    expect(await way?.write(connections, token, [...aside, ...newest.pointer])).toBe("OK");
  });

  test("of an older number becomes healthy beside the live one and does not take the URL back", async () => {
    const old = await placed(move, "older");
    const newer = { liveDeploymentId: old.neighbour.id, liveNumber: NUMBER + 1 };
    await world.seeder.commit([
      { set: `projects/${projectOf(old.id)}`, fields: projectFields(newer) },
    ]);
    const [way] = COMMIT_WAYS;
    const token = await tokenOf("verify");
    const back = [old.change, old.record, ...old.pointer];
    expect(await way?.write(connections, token, back)).toBe("PERMISSION_DENIED");
    expect(await way?.write(connections, token, [old.change, old.record])).toBe("OK");
    const project = await world.seeder.get(`projects/${projectOf(old.id)}`);
    expect(project?.fields).toMatchObject(newer);
  });
});
