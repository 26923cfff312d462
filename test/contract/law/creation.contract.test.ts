/** How a deployment begins: three services may create one, at `queued`, each with a number of its own. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { World } from "../firestore-world.ts";
import { creation, FORGED_CREATIONS, type Creation } from "./forged-creations.ts";
import { inParallel } from "./in-parallel.ts";
import { LONG_AGO, projectFields } from "./places.ts";
import { SUSPECTS, type Suspect } from "./suspects.ts";
import { CREATORS, type StateName, STATES } from "./the-law.ts";
import { COMMIT_WAYS, Connections, type Way } from "./ways.ts";

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

/** A project whose next number is 8, and one of another team with a release. */
async function placeProject(id: string): Promise<void> {
  const changes = { teamId: "red", nextNumber: 8 };
  await world.seeder.commit([
    { set: `projects/${id}`, fields: projectFields(changes) },
    { set: "projects/p-blue", fields: projectFields({ teamId: "blue", nextNumber: 8 }) },
    { set: "deployments/d-blue", fields: { projectId: "p-blue", teamId: "blue", number: 7 } },
    { set: `deployments/d-of-${id}`, fields: { projectId: id, teamId: "red", number: 7 } },
  ]);
}

interface Attempt {
  readonly suspect: Suspect;
  readonly state: StateName;
  /** Whose name the first record bears. */
  readonly by: string;
}

/** Everyone tries in their own name and in that of each creator. */
function attempts(): readonly Attempt[] {
  return SUSPECTS.flatMap((suspect) =>
    [...new Set([...(suspect.service === null ? [] : [suspect.service]), ...CREATORS])].flatMap(
      (by) => STATES.map((state) => ({ suspect, state, by })),
    ),
  );
}

function isLawful({ suspect, state, by }: Attempt): boolean {
  return state === "queued" && suspect.service === by && CREATORS.some((name) => name === by);
}

async function create(way: Way, attempt: Attempt, id: string): Promise<string> {
  const { suspect, state, by } = attempt;
  const parts = creation({ id, projectId: `p-of-${id}`, by, state, number: 8 });
  const token = await suspect.token(world, suspect.service ?? by);
  return way.write(connections, token, [parts.counter, parts.deployment, parts.record]);
}

describe("a deployment", () => {
  test.each(COMMIT_WAYS)("is created by $name at queued, by three services", async (way) => {
    const passed: string[] = [];
    const refusals = new Set<string>();
    await placeProject("p-of-refused");
    const tasks = attempts().map((attempt) => async () => {
      const name = `${attempt.state} by ${attempt.suspect.name}`;
      const id = isLawful(attempt) ? `d-${attempt.by}-${way.name.replaceAll(" ", "-")}` : "refused";
      if (isLawful(attempt)) await placeProject(`p-of-${id}`);
      const outcome = await create(way, attempt, id);
      if (outcome === "OK") passed.push(name);
      else refusals.add(outcome);
    });
    await inParallel(tasks, WIDTH);
    console.log(`${way.name}: ${tasks.length} creations tried, ${passed.length} passed`);
    expect(passed.toSorted()).toEqual(CREATORS.map((by) => `queued by ${by}`));
    expect([...refusals]).toEqual(["PERMISSION_DENIED"]);
    expect(await world.seeder.get("deployments/refused")).toBeNull();
  });

  test.each(COMMIT_WAYS)("is not created by $name with anything forged", async (way) => {
    const wrong: string[] = [];
    const made: Creation[] = [];
    const tasks = CREATORS.flatMap((by) => {
      const id = `d-${by}-by-${way.name.replaceAll(" ", "-")}`;
      const parts = creation({ id, projectId: `p-of-${id}`, by, state: "queued", number: 8 });
      made.push(parts);
      return FORGED_CREATIONS.map(({ what, forge }) => async () => {
        const token = await world.token(`svc:${by}`, { svc: by });
        const outcome = await way.write(connections, token, forge(parts));
        if (outcome !== "PERMISSION_DENIED") wrong.push(`${what} by ${by}: ${outcome}`);
      });
    });
    for (const { projectId } of made) await placeProject(projectId);
    await inParallel(tasks, WIDTH);
    console.log(`${way.name}: ${tasks.length} forged creations, ${wrong.length} not refused`);
    expect(wrong).toEqual([]);
    for (const { by, counter, deployment, record } of made) {
      const token = await world.token(`svc:${by}`, { svc: by });
      const writes = [counter, deployment, record];
      expect(await way.write(connections, token, writes)).toBe("OK");
    }
  });

  test("takes the number that is next, and a second one the number after it", async () => {
    await placeProject("p-of-two");
    const token = await world.token("svc:api", { svc: "api" });
    const [way] = COMMIT_WAYS;
    const outcomes: (string | undefined)[] = [];
    for (const number of [8, 8, 9, 11, 10]) {
      const id = `d-two-${number}`;
      const parts = creation({ id, projectId: "p-of-two", by: "api", state: "queued", number });
      const writes = [parts.deployment, parts.record, parts.counter];
      outcomes.push(await way?.write(connections, token, writes));
    }
    const again = "ALREADY_EXISTS";
    expect(outcomes).toEqual(["OK", again, "OK", "PERMISSION_DENIED", "OK"]);
    const project = await world.seeder.get("projects/p-of-two");
    expect(project?.fields).toMatchObject({ nextNumber: 11, newestDeploymentId: "d-two-10" });
    expect(project?.fields["updatedAt"]).toEqual(LONG_AGO);
  });
});
