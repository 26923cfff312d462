import {
  credentials,
  makeClientConstructor,
  Metadata,
  type ClientDuplexStream,
} from "@grpc/grpc-js";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadFirestoreMethods } from "../grpc/firestore-proto.ts";
import type { RunningFirestore } from "../index.ts";
import {
  ROOT,
  startTestFirestore,
  temporaryDirectory,
  until,
} from "../testing/firestore-fixture.ts";
import type { Json } from "../wire-json.ts";

let server: RunningFirestore;
let hangUp = (): void => undefined;
beforeEach(async () => {
  server = await startTestFirestore();
});
afterEach(async () => {
  hangUp();
  await server.stop();
});

interface Listening {
  readonly call: ClientDuplexStream<object, Json>;
  /** The last one told. */
  readonly resumeToken: () => unknown;
  /** Responses since the last look, in short. */
  readonly next: (count: number) => Promise<string[]>;
}

function listen(): Listening {
  const Client = makeClientConstructor(Object.fromEntries(loadFirestoreMethods()), "Firestore");
  const client = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
  const metadata = new Metadata();
  metadata.set("authorization", "Bearer owner");
  const call = (client as unknown as { Listen(metadata: Metadata): Listening["call"] }).Listen(
    metadata,
  );
  const responses: string[] = [];
  let resumeToken: unknown;
  call.on("data", (response: Json) => {
    responses.push(brief(response));
    resumeToken = (response["targetChange"] as Json | undefined)?.["resumeToken"] ?? resumeToken;
  });
  call.on("error", (error) => responses.push(`error ${(error as { code?: number }).code}`));
  hangUp = () => (call.cancel(), client.close());
  return {
    call,
    resumeToken: () => resumeToken,
    async next(count) {
      await until(
        () => responses.length >= count,
        `${count} responses, so far: ${responses.join(" | ")}`,
      );
      return responses.splice(0);
    },
  };
}

function idList(value: unknown): string {
  return Array.isArray(value) ? value.join(",") : "";
}

function idOf(name: unknown): string {
  return typeof name === "string" ? name.slice(ROOT.length + 1) : "nameless";
}

function brief(response: Json): string {
  const { targetChange, documentChange, documentDelete, documentRemove, filter } =
    response as Record<string, Json>;
  if (filter !== undefined)
    return `filter ${String(filter["targetId"])} count ${String(filter["count"])}`;
  if (targetChange !== undefined) {
    return `${(targetChange["targetChangeType"] as string | undefined) ?? "NO_CHANGE"} ${idList(targetChange["targetIds"])}`.trim();
  }
  if (documentChange !== undefined) {
    const { name } = documentChange["document"] as Json;
    return `change ${idOf(name)} in ${idList(documentChange["targetIds"])} out ${idList(documentChange["removedTargetIds"])}`.trim();
  }
  const [word, gone] =
    documentDelete === undefined ? ["remove", documentRemove] : ["delete", documentDelete];
  return `${word} ${idOf(gone?.["document"])} out ${idList(gone?.["removedTargetIds"])}`;
}

const database = ROOT.slice(0, -"/documents".length);
const named = (targetId: number, ids: string[], extra: object = {}): object => ({
  database,
  addTarget: { targetId, documents: { documents: ids.map((id) => `${ROOT}/${id}`) }, ...extra },
});
const queried = (targetId: number, where: object, extra: object = {}): object => ({
  database,
  addTarget: {
    ...extra,
    targetId,
    query: { parent: ROOT, structuredQuery: { from: [{ collectionId: "items" }], where } },
  },
});
const above = (n: number): object => ({
  fieldFilter: {
    field: { fieldPath: "n" },
    op: "GREATER_THAN",
    value: { integerValue: String(n) },
  },
});

async function write(...writes: object[]): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${server.port}/v1/${ROOT}:commit`, {
    method: "POST",
    headers: { authorization: "Bearer owner" },
    body: JSON.stringify({ writes }),
  });
  expect(response.status).toBe(200);
}
const put = (id: string, n: number): object => ({
  update: { name: `${ROOT}/${id}`, fields: { n: { integerValue: n } } },
});

test("two targets on one call: each commit is told once, with the targets it concerns", async () => {
  const { call, next } = listen();
  call.write(named(1, ["items/a", "items/none"]));
  expect(await next(5)).toEqual([
    "ADD 1",
    "delete items/a out 1",
    "delete items/none out 1",
    "CURRENT 1",
    "NO_CHANGE",
  ]);
  call.write(queried(2, above(5)));
  expect(await next(3)).toEqual(["ADD 2", "CURRENT 2", "NO_CHANGE"]);
  await write(put("items/a", 6));
  expect(await next(2)).toEqual(["change items/a in 1,2 out", "NO_CHANGE"]);
  await write(put("items/a", 1), put("items/b", 7));
  expect(await next(3)).toEqual([
    "change items/a in 1 out 2",
    "change items/b in 2 out",
    "NO_CHANGE",
  ]);
  await write(put("items/b", 0));
  expect(await next(2)).toEqual(["remove items/b out 2", "NO_CHANGE"]);
  await write({ delete: `${ROOT}/items/a` });
  expect(await next(2)).toEqual(["delete items/a out 1", "NO_CHANGE"]);
});

test("a removed target hears nothing more, and what concerns no target is not told", async () => {
  const { call, next } = listen();
  call.write(named(1, ["items/a"]));
  call.write(named(2, ["items/b"]));
  await next(8);
  call.write({ database, removeTarget: 1 });
  expect(await next(1)).toEqual(["REMOVE 1"]);
  await write(put("items/a", 1));
  await write(put("items/b", 1));
  expect(await next(2)).toEqual(["change items/b in 2 out", "NO_CHANGE"]);
});

test("a target that comes back after a restart is told what it missed, and how much there is", async () => {
  const directory = temporaryDirectory();
  const { port } = server;
  await server.stop();
  server = await startTestFirestore({ dataDir: directory.path, port });
  await write(put("items/a", 6), put("items/b", 7));
  const before = listen();
  before.call.write(queried(2, above(5)));
  const { length } = await before.next(5);
  expect(length).toBe(5);
  const resumeToken = before.resumeToken();
  await write(put("items/b", 8));
  hangUp();
  await server.stop();
  server = await startTestFirestore({ dataDir: directory.path, port });
  await write(put("items/c", 9));
  const after = listen();
  after.call.write(queried(2, above(5), { resumeToken }));
  expect(await after.next(6)).toEqual([
    "ADD 2",
    "change items/b in 2 out",
    "change items/c in 2 out",
    "filter 2 count 3",
    "CURRENT 2",
    "NO_CHANGE",
  ]);
  hangUp();
  await server.stop();
  directory.remove();
  server = await startTestFirestore();
});

test("a target that comes back with a token of no store is reset and told everything again", async () => {
  await write(put("items/a", 1));
  const { call, next } = listen();
  call.write(named(1, ["items/a"], { resumeToken: "AAAA" }));
  expect(await next(5)).toEqual([
    "ADD 1",
    "RESET 1",
    "change items/a in 1 out",
    "CURRENT 1",
    "NO_CHANGE",
  ]);
});

test("a target asked for once ends when it is current", async () => {
  const { call, next } = listen();
  call.write(named(1, ["items/a"], { once: true }));
  expect(await next(5)).toEqual([
    "ADD 1",
    "delete items/a out 1",
    "CURRENT 1",
    "NO_CHANGE",
    "REMOVE 1",
  ]);
});

test("a request that makes no sense ends the call with INVALID_ARGUMENT", async () => {
  const { call, next } = listen();
  call.write(named(1, ["items"]));
  expect(await next(1)).toEqual(["error 3"]);
});
