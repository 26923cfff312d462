/** Random teams, members and projects: what each person sees, in every way, is what their teams have. */
import { array, assert, asyncProperty, constantFrom, nat, record, uniqueArray } from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { World } from "../firestore-world.ts";
import type { Reader } from "./readers/reader.ts";
import { restReader } from "./readers/rest-reader.ts";
import { serverReader } from "./readers/server-reader.ts";
import { member, placeProject } from "./readers/team-world.ts";
import { webReader } from "./readers/web-reader.ts";
import { Connections } from "./ways.ts";

const PEOPLE = ["ada", "bob", "cyd"];
const TEAMS = 3;
const RUNS = process.env["BIFROST_SOAK"] === "long" ? 200 : 12;

let world: World;
let connections: Connections;
const readers = new Map<string, readonly Reader[]>();
beforeAll(async () => {
  world = await World.start();
  connections = new Connections(world.address);
  for (const uid of PEOPLE) {
    const token = await world.token(uid);
    const { address } = world;
    const all = [
      restReader(connections, token),
      serverReader(address, token),
      webReader(address, token),
    ];
    readers.set(uid, all);
  }
});
afterAll(async () => {
  await Promise.all([...readers.values()].flat().map((reader) => reader.close()));
  connections.close();
  await world.stop();
});

interface Membership {
  readonly uid: string;
  readonly team: number;
}

/** Each run has teams of its own, so that nothing of an earlier one is left. */
let run = 0;

const team = nat({ max: TEAMS - 1 });
const memberships = uniqueArray(record({ uid: constantFrom(...PEOPLE), team }), {
  selector: ({ uid, team: of }) => `${of}_${uid}`,
});
const owners = array(team, { maxLength: 5 });

async function expectSight(
  uid: string,
  isMember: boolean,
  teamId: string,
  names: readonly string[],
) {
  const where = [["teamId", "==", teamId]] as const;
  for (const reader of readers.get(uid) ?? []) {
    for (const [collection, prefix] of [
      ["projects", "p-"],
      ["deployments", "d-"],
    ] as const) {
      const paths = names.map((name) => `${collection}/${prefix}${name}`).toSorted();
      const listed = Object.entries(await reader.list({ collection, where }));
      const expected = isMember ? paths : "denied";
      expect(listed).toEqual(listed.map(([how]) => [how, expected]));
      expect(await reader.count({ collection, where })).toBe(isMember ? paths.length : "denied");
      for (const path of paths) {
        const sights = Object.entries(await reader.get(path));
        expect(sights).toEqual(sights.map(([how]) => [how, isMember ? "seen" : "denied"]));
      }
    }
    for (const name of names) {
      const history = `deployments/d-${name}/transitions`;
      const found = Object.entries(await reader.list({ collection: history }));
      const expected = isMember ? [`${history}/000001`] : "denied";
      expect(found).toEqual(found.map(([how]) => [how, expected]));
    }
  }
}

async function expectModel(members: readonly Membership[], ownedBy: readonly number[]) {
  run += 1;
  const idOf = (of: number) => `team${run}x${of}`;
  const nameOf = (index: number) => `${run}n${index}`;
  await world.seeder.commit([
    { set: `teams/${idOf(0)}`, fields: {} },
    ...members.map(({ uid, team: of }) => member(idOf(of), uid)),
  ]);
  for (const [index, of] of ownedBy.entries()) await placeProject(world, nameOf(index), idOf(of));
  for (let of = 0; of < TEAMS; of++) {
    const names = ownedBy.flatMap((owner, index) => (owner === of ? [nameOf(index)] : []));
    await Promise.all(
      PEOPLE.map((uid) => {
        const isMember = members.some((one) => one.uid === uid && one.team === of);
        return expectSight(uid, isMember, idOf(of), names);
      }),
    );
  }
}

test("a person sees exactly the projects of the teams they belong to", async () => {
  await assert(asyncProperty(memberships, owners, expectModel), {
    numRuns: RUNS,
    endOnFailure: true,
  });
  expect(run).toBe(RUNS);
});
