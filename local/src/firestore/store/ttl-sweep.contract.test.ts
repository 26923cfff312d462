import { Timestamp, type Firestore } from "@google-cloud/firestore";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { CommitRecord, RunningFirestore } from "../index.ts";
import { parseIndexFile } from "../indexes/index-file.ts";
import {
  clientFor,
  fakeRules,
  startTestFirestore,
  temporaryDirectory,
  until,
} from "../testing/firestore-fixture.ts";
import { ManualTimers } from "../testing/manual-timers.ts";

const indexes = parseIndexFile(
  JSON.stringify({
    fieldOverrides: [
      { collectionGroup: "sessions", fieldPath: "expires.at", ttl: true, indexes: [] },
    ],
  }),
);

let directory = temporaryDirectory();
let timers = new ManualTimers();
let server: RunningFirestore;
let db: Firestore;

async function start(): Promise<void> {
  const { path: dataDir } = directory;
  // Nobody may delete anything: production's background deletions are not asked either.
  const rules = fakeRules(({ method }) => method !== "delete");
  server = await startTestFirestore({ dataDir, timers, indexes, rules });
  db = clientFor(server);
}

async function stop(): Promise<void> {
  await db.terminate();
  await server.stop();
}

beforeEach(async () => {
  directory = temporaryDirectory();
  timers = new ManualTimers();
  await start();
});
afterEach(async () => {
  await stop();
  directory.remove();
});

const inSeconds = (seconds: number): object => ({
  expires: { at: Timestamp.fromMillis(timers.now() + seconds * 1000) },
});

test("a document is not deleted before it expires, and at most a minute later", async () => {
  await db.doc("sessions/a").set(inSeconds(90));
  await db.doc("teams/t/sessions/b").set(inSeconds(30));
  timers.advance(60_000);
  await until(() => server.read("teams/t/sessions/b") === null, "the sweep");
  expect(server.read("sessions/a")).not.toBeNull();
  timers.advance(60_000);
  await until(() => server.read("sessions/a") === null, "the second sweep");
  expect(server.info()).toMatchObject({ expiredDocuments: 2 });
});

test("only a timestamp in the field of that collection expires", async () => {
  const past = Timestamp.fromMillis(0);
  await db.doc("sessions/text").set({ expires: { at: "1970-01-01T00:00:00Z" } });
  await db.doc("sessions/elsewhere").set({ at: past });
  await db.doc("other/a").set({ expires: { at: past } });
  await db.doc("sessions/expired").set({ expires: { at: past } });
  timers.advance(60_000);
  await until(() => server.read("sessions/expired") === null, "the sweep");
  for (const kept of ["sessions/text", "sessions/elsewhere", "other/a"]) {
    expect(server.read(kept)).not.toBeNull();
  }
});

test("the deletion is a commit that listeners see, and nobody's write", async () => {
  await db.doc("sessions/a").set(inSeconds(1));
  const { ownerWrites } = server.info();
  const commits: CommitRecord[] = [];
  server.onCommit((commit) => commits.push(commit));
  const seen: boolean[] = [];
  const unsubscribe = db.doc("sessions/a").onSnapshot(({ exists }) => seen.push(exists));
  await until(() => seen.length === 1, "the first snapshot");
  timers.advance(60_000);
  await until(() => seen.length === 2, "the deletion");
  unsubscribe();
  expect(seen).toEqual([true, false]);
  expect(commits).toMatchObject([{ changes: [{ after: null }] }]);
  expect(server.info()).toMatchObject({ ownerWrites, ruleCheckedWrites: 0 });
});

test("a document that expired while the server was down goes at its next start, for good", async () => {
  await db.doc("sessions/a").set(inSeconds(1));
  await stop();
  timers.advance(10_000);
  await start();
  await until(() => server.read("sessions/a") === null, "the sweep at the start");
  await stop();
  await start();
  expect(server.read("sessions/a")).toBeNull();
});

test("a document that is extended in time stays", async () => {
  await db.doc("sessions/a").set(inSeconds(30));
  await db.doc("sessions/other").set(inSeconds(30));
  await db.doc("sessions/a").set(inSeconds(600));
  timers.advance(60_000);
  await until(() => server.read("sessions/other") === null, "the sweep");
  expect(server.read("sessions/a")).not.toBeNull();
});
