import { connect } from "node:net";
import { once } from "node:events";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { CommitRecord } from "./index.ts";
import {
  clientFor,
  ROOT,
  startTestFirestore,
  temporaryDirectory,
  until,
} from "./testing/firestore-fixture.ts";

vi.stubEnv("METADATA_SERVER_DETECTION", "none");

let directory = temporaryDirectory();
beforeEach(() => {
  directory = temporaryDirectory();
});
afterEach(() => directory.remove());

test("a restart continues: documents, sequence, and the commits a trigger missed", async () => {
  const first = await startTestFirestore({ dataDir: directory.path });
  const told: CommitRecord[] = [];
  first.onCommit((commit) => told.push(commit));
  let db = clientFor(first);
  await db.doc("items/a").set({ n: 1 });
  await db.doc("items/a").set({ n: 1 });
  await db.doc("items/a").delete();
  await db.terminate();
  await first.stop();
  expect(told.map(({ sequence, changes }) => [sequence, changes.length])).toEqual([
    [1, 1],
    [2, 1],
  ]);
  expect(told[1]?.changes[0]).toMatchObject({
    name: `${ROOT}/items/a`,
    before: { fields: { n: {} } },
    after: null,
  });

  const second = await startTestFirestore({ dataDir: directory.path });
  db = clientFor(second);
  expect([second.lastSequence(), second.read("items/a")]).toEqual([2, null]);
  await db.doc("items/b").set({ n: 2 });
  const missed: CommitRecord[] = [];
  await second.replay(1, (commit) => missed.push(commit));
  expect(missed.map(({ sequence }) => sequence)).toEqual([2, 3]);
  expect(missed[0]).toEqual(told[1]);
  await db.terminate();
  await second.stop();
});

test("stopping ends listeners and idle connections, frees the directory, and may be repeated", async () => {
  const server = await startTestFirestore({ dataDir: directory.path });
  const db = clientFor(server);
  let snapshots = 0;
  const unsubscribe = db.doc("items/a").onSnapshot(
    () => (snapshots += 1),
    () => undefined,
  );
  await until(() => snapshots === 1, "the first snapshot");
  const idle = connect(server.port, "127.0.0.1");
  await once(idle, "connect");
  const closed = once(idle, "close");
  await Promise.all([server.stop(), server.stop()]);
  await closed;
  // Not terminated as well: a client that is about to connect again then rejects a promise that nobody holds.
  unsubscribe();
  await (await startTestFirestore({ dataDir: directory.path })).stop();
});

test("a taken port is an error that names it and leaves the directory free", async () => {
  const first = await startTestFirestore();
  await expect(
    startTestFirestore({ dataDir: directory.path, port: first.port }),
  ).rejects.toMatchObject({
    code: "port-taken",
    facts: { port: first.port },
  });
  await (await startTestFirestore({ dataDir: directory.path })).stop();
  await first.stop();
});

test("a request whose first bytes trickle in is served", async () => {
  const server = await startTestFirestore();
  const socket = connect(server.port, "127.0.0.1");
  socket.setNoDelay(true);
  await once(socket, "connect");
  for (const part of [
    "P",
    "O",
    `ST /v1/${ROOT}:commit HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}`,
  ]) {
    socket.write(part);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const [answer] = (await once(socket, "data")) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 200/);
  socket.destroy();
  await server.stop();
});
