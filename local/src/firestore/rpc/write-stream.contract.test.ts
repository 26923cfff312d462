import { afterAll, beforeAll, expect, test } from "vitest";
import type { RunningFirestore } from "../index.ts";
import {
  ROOT,
  startTestFirestore,
  temporaryDirectory,
  until,
} from "../testing/firestore-fixture.ts";
import { bearing, rawClient } from "../testing/transports.ts";
import type { Json } from "../wire-json.ts";

// On a disk, so that an answer takes its time.
const directory = temporaryDirectory();
let server: RunningFirestore;
beforeAll(async () => {
  server = await startTestFirestore({ dataDir: directory.path });
});
afterAll(async () => {
  await server.stop();
  directory.remove();
});

const database = ROOT.slice(0, -"/documents".length);

const creation = (id: string): object => ({
  update: { name: `${ROOT}/items/${id}`, fields: { n: { integerValue: "1" } } },
  currentDocument: { exists: false },
});

test("a write stream shakes hands, then answers each commit in order and ends with the first error", async () => {
  const client = rawClient(server.port);
  const call = client.Write(bearing(undefined));
  const responses: Json[] = [];
  const errors: unknown[] = [];
  call.on("data", (response: Json) => responses.push(response));
  call.on("error", (error: unknown) => errors.push(error));
  call.write({ database });
  call.write({ writes: [creation("a")] });
  await until(() => responses.length === 2, "the handshake and the first commit");
  expect(responses[0]).toMatchObject({
    streamId: expect.any(String),
    streamToken: expect.any(String),
  });
  expect(responses[1]).toMatchObject({
    writeResults: [{ updateTime: responses[1]?.["commitTime"] }],
  });
  call.write({ writes: [creation("a")] });
  await until(() => errors.length === 1, "the refusal");
  expect(errors[0]).toMatchObject({ code: 6 });
  client.close();
});

test("a client that sends no more gets the answers to all it sent before the stream ends", async () => {
  const client = rawClient(server.port);
  const call = client.Write(bearing(undefined));
  const events: unknown[] = [];
  call.on("data", (response: Json) => events.push(response));
  call.on("error", (error: unknown) => events.push(error));
  call.on("end", () => events.push("end"));
  call.write({ database });
  for (const id of ["b", "c", "d"]) call.write({ writes: [creation(id)] });
  call.end();
  await until(() => events.includes("end"), "the end of the stream");
  const commit = { commitTime: expect.any(String) };
  expect(events).toMatchObject([{ streamId: expect.any(String) }, commit, commit, commit, "end"]);
  for (const id of ["b", "c", "d"]) expect(server.read(`items/${id}`)).not.toBeNull();
  client.close();
});

test("a write that is refused after the client has finished still ends the stream with its error", async () => {
  const client = rawClient(server.port);
  const call = client.Write(bearing(undefined));
  const events: unknown[] = [];
  call.on("data", (response: Json) => events.push(response));
  call.on("error", (error: unknown) => events.push(error));
  call.write({ database });
  for (const id of ["e", "e", "f"]) call.write({ writes: [creation(id)] });
  call.end();
  await until(() => events.length === 3, "the refusal");
  expect(events[2]).toMatchObject({ code: 6 });
  expect(server.read("items/f")).toBeNull();
  client.close();
});
