/** What nobody may do to what is stored, whoever they are and however they write. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { World } from "../firestore-world.ts";
import { inParallel } from "./in-parallel.ts";
import { recordFields } from "./move-writes.ts";
import { LONG_AGO, NUMBER, place } from "./places.ts";
import { SUSPECTS } from "./suspects.ts";
import { SERVICES } from "./the-law.ts";
import { COMMIT_WAYS, Connections, SINGLE_WAYS } from "./ways.ts";
import { merge, remove, set, type WireWrite } from "./writes.ts";

/** Attempts under way at a time. */
const WIDTH = 24;
const AT = "deployments/d";
const PROJECT = "projects/p-d";

const DEEDS: readonly (readonly [what: string, writes: readonly WireWrite[]])[] = [
  ["delete a deployment", [remove(AT)]],
  ["delete a record", [remove(`${AT}/transitions/000004`)]],
  ["edit a record", [merge(`${AT}/transitions/000004`, { why: "x" })]],
  [
    "replace a record",
    [set(`${AT}/transitions/000004`, recordFields({ seq: 4 }), { now: ["at"] })],
  ],
  [
    "delete a record and tell it anew",
    [
      remove(`${AT}/transitions/000004`),
      set(`${AT}/transitions/000004`, recordFields({ seq: 4 }), { now: ["at"] }),
    ],
  ],
  [
    "tell what never was",
    [set(`${AT}/transitions/000005`, recordFields({ seq: 5 }), { now: ["at"] })],
  ],
  [
    "tell of a deployment that is not there",
    [set("deployments/none/transitions/000001", recordFields({ to: "queued" }), { now: ["at"] })],
  ],
  ["raise the seq", [merge(AT, { seq: 5 })]],
  ["raise the attempt", [merge(AT, { attempt: 3 })]],
  ["reset the clock of a state", [merge(AT, {}, { now: ["stateSince"] })]],
  ["change the number", [merge(AT, { number: 99 })]],
  ["move a deployment to another team", [merge(AT, { teamId: "blue" })]],
  ["replace a deployment", [set(AT, { state: "healthy" })]],
  ["raise the project's counter", [merge(PROJECT, { nextNumber: NUMBER + 2 })]],
  [
    "raise the counter for a deployment of before",
    [merge(PROJECT, { nextNumber: NUMBER + 2, newestDeploymentId: "d" })],
  ],
  [
    "raise the counter for nothing",
    [merge(PROJECT, { nextNumber: NUMBER + 2, newestDeploymentId: "none" })],
  ],
  ["lower the counter", [merge(PROJECT, { nextNumber: 1 })]],
  ["name another newest deployment", [merge(PROJECT, { newestDeploymentId: "d" })]],
  [
    "point the URL at a deployment",
    [merge(PROJECT, { liveDeploymentId: "d", liveNumber: NUMBER })],
  ],
  ["point the URL at nothing", [merge(PROJECT, { liveDeploymentId: null, liveNumber: 0 })]],
  ["name another release before it", [merge(PROJECT, { formerDeploymentId: "d" })]],
  ["raise the live number", [merge(PROJECT, { liveNumber: 99 })]],
  ["give a project to another team", [merge(PROJECT, { teamId: "blue" }, { now: ["updatedAt"] })]],
  ["edit a log", [merge(`${AT}/logs/1-a`, { lines: ["x"] })]],
  ["delete a log", [remove(`${AT}/logs/1-a`)]],
  ["delete a snapshot", [remove(`${AT}/snapshot/config`)]],
  ["delete an internal note", [remove(`${AT}/internal/build`)]],
  ["keep a note of another name", [merge(`${AT}/internal/other`, { x: 1 })]],
  ["delete an API key", [remove("apiKeys/k")]],
  ["delete an audit entry", [remove("audit/a")]],
  ["edit an audit entry", [merge("audit/a", { x: 1 })]],
  [
    "become a member under another's name",
    [merge("members/red_eve", { teamId: "red", uid: "mia" })],
  ],
  ["keep documents of a kind that nobody knows", [merge("unheard/of", { x: 1 })]],
];

let world: World;
let connections: Connections;
beforeAll(async () => {
  world = await World.start();
  connections = new Connections(world.address);
  await place(world, "d", "running");
  await world.seeder.commit([
    { set: `${AT}/logs/1-a`, fields: { stream: "build", step: "x", lines: [], at: LONG_AGO } },
    { set: `${AT}/internal/build`, fields: { attempt: 2 } },
    { set: "apiKeys/k", fields: { uid: "mia", revokedAt: null } },
    { set: "audit/a", fields: { what: "began" } },
    { set: "members/red_mia", fields: { teamId: "red", uid: "mia" } },
  ]);
});
afterAll(async () => {
  connections.close();
  await world.stop();
});

describe.each([...COMMIT_WAYS, ...SINGLE_WAYS])("by $name", (way) => {
  test("nobody can do what nobody may", async () => {
    const sequence = world.server.lastSequence();
    const done: string[] = [];
    const tasks = DEEDS.flatMap(([what, writes]) =>
      SUSPECTS.map((suspect) => async () => {
        // Whoever has no name of a service passes for one after the other.
        const name = suspect.service ?? SERVICES[what.length % SERVICES.length] ?? "api";
        const token = await suspect.token(world, name);
        const outcome = await way.write(connections, token, writes);
        if (outcome !== "PERMISSION_DENIED") done.push(`${suspect.name}: ${what}: ${outcome}`);
      }),
    );
    await inParallel(tasks, WIDTH);
    console.log(`${way.name}: ${tasks.length} deeds tried, ${done.length} done`);
    expect(done).toEqual([]);
    expect(world.server.lastSequence()).toBe(sequence);
  });
});
