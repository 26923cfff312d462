/** Who joins a team sees its projects from then on; who leaves it sees nothing any more, listeners included. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { until } from "../../support/until.ts";
import { World } from "../firestore-world.ts";
import { FOLLOWS, type Followed, type Follower } from "./readers/follower.ts";
import { member, placeTeams } from "./readers/team-world.ts";

const FOLLOWED: readonly Followed[] = [
  { path: "deployments/d-red" },
  { path: "projects/p-red" },
  { path: "deployments", teamId: "red" },
  { path: "projects", teamId: "red" },
  { path: "deployments/d-red/logs" },
  { path: "deployments/d-red/transitions" },
];

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world.stop());
beforeEach(() => placeTeams(world));

let changes = 0;

/** Changes everything that is followed. */
async function change(): Promise<void> {
  changes += 1;
  const createdBy = `change ${changes}`;
  const at = "deployments/d-red";
  await world.seeder.commit([
    { set: at, fields: { createdBy }, merge: true },
    { set: "projects/p-red", fields: { createdBy }, merge: true },
    { set: `${at}/logs/${changes}`, fields: { createdBy } },
    { set: `${at}/transitions/9${changes}`, fields: { createdBy } },
  ]);
}

/** Whether the last change is in what was shown last. */
function sawChange({ shown }: Follower): boolean {
  return shown.at(-1)?.includes(`change ${changes}`) === true;
}

const leave = (uid: string) => world.seeder.commit([{ delete: `members/red_${uid}` }]);
const join = (uid: string) => world.seeder.commit([member("red", uid)]);

describe.each(FOLLOWS)("the $name", ({ follow }) => {
  test.each(FOLLOWED)("on %j ends for who leaves and goes on for who stays", async (followed) => {
    const [mia, ann] = await Promise.all(
      ["mia", "ann"].map(async (uid) => follow(world.address, await world.token(uid), followed)),
    );
    if (mia === undefined || ann === undefined) throw new Error("nobody follows");
    try {
      await until(() => mia.shown.length > 0 && ann.shown.length > 0, { everyMs: 5 });
      await change();
      await until(() => sawChange(mia) && sawChange(ann), { everyMs: 5 });
      await leave("mia");
      await change();
      await until(() => sawChange(ann) && mia.errors.length > 0, { everyMs: 5 });
      expect(mia.errors.join()).toMatch(/insufficient permissions/);
      expect(sawChange(mia)).toBe(false);
      expect(ann.errors).toEqual([]);
    } finally {
      await Promise.all([mia.stop(), ann.stop()]);
    }
  });

  test.each(FOLLOWED)("on %j begins for who joins", async (followed) => {
    const token = await world.token("eve");
    await leave("eve");
    const before = follow(world.address, token, followed);
    await until(() => before.errors.length > 0, { everyMs: 5 });
    await before.stop();
    expect(before.shown).toEqual([]);
    await join("eve");
    const after = follow(world.address, token, followed);
    try {
      await until(() => after.shown.length > 0, { everyMs: 5 });
      await change();
      await until(() => sawChange(after), { everyMs: 5 });
      expect(after.errors).toEqual([]);
    } finally {
      await after.stop();
    }
  });
});
