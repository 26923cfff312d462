import { type Firestore, Timestamp } from "@google-cloud/firestore";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import type { RunningFirestore } from "./index.ts";
import { fieldTests } from "./query/filter.ts";
import { compileRules } from "./rules/compile.ts";
import type { RulesRequest } from "./rules/rules.ts";
import {
  clientFor,
  fakeRules,
  placeOf,
  ROOT,
  startTestFirestore,
  until,
} from "./testing/firestore-fixture.ts";

// The client looks for Google's metadata server even when it has no use for it, and warns.
vi.stubEnv("METADATA_SERVER_DETECTION", "none");

let server: RunningFirestore;
let owner: Firestore;
let ada: Firestore;
const asked: RulesRequest[] = [];

function isFiltered({ query }: RulesRequest): boolean {
  return query !== undefined && fieldTests(query.filter).length > 0;
}

/**
 * Ada may do anything to what is hers; nobody may touch `sealed`, nor `waited` once there is a ban; a `log` needs its
 * entry in the same commit.
 */
function allows(request: RulesRequest): boolean {
  asked.push(request);
  if (placeOf(request).includes("/waited/")) return request.read(`${ROOT}/bans/ada`) === null;
  if (request.name.includes("/sealed/")) return false;
  if (request.name.includes("/paired/")) return request.readAfter(`${ROOT}/pairs/entry`) !== null;
  if (request.method === "list") return isFiltered(request);
  const owned = request.after ?? request.before;
  return request.auth?.uid === "ada" && owned?.fields["secret"] === undefined;
}

beforeAll(async () => {
  server = await startTestFirestore({ rules: fakeRules(allows) });
  owner = clientFor(server);
  ada = clientFor(server, "ada");
});
afterAll(async () => {
  await Promise.all([owner.terminate(), ada.terminate()]);
  await server.stop();
});

test("rules decide over writes, and one refusal refuses the whole commit", async () => {
  await ada.doc("open/a").set({ n: 1 });
  const batch = ada.batch().set(ada.doc("open/b"), { n: 1 }).set(ada.doc("sealed/x"), { n: 1 });
  await expect(batch.commit()).rejects.toMatchObject({ code: 7 });
  expect(server.read("open/b")).toBeNull();
  expect(server.read("open/a")?.fields).toEqual({ n: { integerValue: "1" } });
});

test("rules see the method, both versions, the commit's millisecond and the rest of the commit", async () => {
  await ada
    .doc("paired/one")
    .set({ n: 1 })
    .catch(() => undefined);
  expect(server.read("paired/one")).toBeNull();
  await ada.batch().set(ada.doc("paired/one"), { n: 1 }).set(ada.doc("pairs/entry"), {}).commit();
  asked.length = 0;
  await ada.doc("paired/one").update({ n: 2 });
  expect(asked).toHaveLength(1);
  expect(asked[0]).toMatchObject({
    method: "update",
    name: `${ROOT}/paired/one`,
    before: { fields: { n: { integerValue: "1" } } },
    after: { fields: { n: { integerValue: "2" } } },
  });
  expect((asked[0]?.timeMicros ?? 1n) % 1000n).toBe(0n);
});

test("reads, lists and transactions are bound by the rules", async () => {
  await owner.doc("open/hidden").set({ secret: true });
  await expect(ada.doc("open/hidden").get()).rejects.toMatchObject({ code: 7 });
  await expect(ada.getAll(ada.doc("open/a"), ada.doc("sealed/x"))).rejects.toMatchObject({
    code: 7,
  });
  await expect(ada.collection("open").get()).rejects.toMatchObject({ code: 7 });
  expect((await ada.collection("open").where("n", "==", 1).get()).size).toBe(1);
  await ada.runTransaction(async (transaction) => {
    const snapshot = await transaction.get(ada.doc("open/a"));
    transaction.update(snapshot.ref, { n: snapshot.get("n") + 1 });
  });
  expect(server.read("open/a")?.fields["n"]).toEqual({ integerValue: "2" });
});

test("a refused read is refused once: the client sees an answer and does not try again", async () => {
  asked.length = 0;
  await expect(ada.doc("sealed/x").get()).rejects.toMatchObject({ code: 7 });
  expect(asked).toHaveLength(1);
});

test("a listener is refused at the start, and ended when a change hides the document", async () => {
  const errors: string[] = [];
  ada.doc("sealed/x").onSnapshot(
    () => undefined,
    (error) => errors.push(error.message),
  );
  await until(() => errors.length === 1, "the refusal");
  let seen = 0;
  await owner.doc("open/watched").set({ n: 1 });
  ada.doc("open/watched").onSnapshot(
    () => (seen += 1),
    (error) => errors.push(error.message),
  );
  await until(() => seen === 1, "the first snapshot");
  await owner.doc("open/watched").set({ secret: true });
  await until(() => errors.length === 2, "the end of the listener");
  expect(errors.join()).toMatch(/permission/i);
  expect(seen).toBe(1);
});

interface Answer {
  readonly status: number;
  readonly transaction?: string;
}

async function asAda(method: string, path: string, body?: object): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${server.port}/v1/${ROOT}${path}`, {
    method,
    headers: { authorization: "Bearer user-ada" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { ...((await response.json()) as object), status: response.status };
}

async function begin(): Promise<string> {
  return (await asAda("POST", ":beginTransaction", {})).transaction ?? "";
}

describe("nobody is kept from a document by a caller who may not touch it", () => {
  test("a read in a transaction locks nothing that may not be read", async () => {
    const transaction = await begin();
    const inIt = `?transaction=${encodeURIComponent(transaction)}`;
    expect((await asAda("GET", `/sealed/locked${inIt}`)).status).toBe(403);
    const documents = [`${ROOT}/sealed/locked`];
    const all = await asAda("POST", ":batchGet", { documents, transaction });
    expect(all.status).toBe(403);
    await owner.doc("sealed/locked").set({ n: 1 });
  });

  test("a commit that waits for a lock holds none of what it may not write", async () => {
    const inIt = `?transaction=${encodeURIComponent(await begin())}`;
    expect((await asAda("GET", `/zoo/held${inIt}`)).status).toBe(404);
    const writes = ["sealed/waited", "zoo/held"].map((id) => ({
      update: { name: `${ROOT}/${id}`, fields: {} },
    }));
    expect((await asAda("POST", ":commit", { writes })).status).toBe(403);
    await owner.doc("sealed/waited").set({ n: 1 });
  });
});

const structuredQuery = { from: [{ collectionId: "waited" }] };
const structuredAggregationQuery = { structuredQuery, aggregations: [{ count: {} }] };

test.each<[string, string, (transaction: string) => [string, object?]]>([
  ["a document", "GET", (id) => [`/waited/a?transaction=${encodeURIComponent(id)}`]],
  ["a list", "GET", (id) => [`/waited?transaction=${encodeURIComponent(id)}`]],
  [
    "documents by name",
    "POST",
    (transaction) => [":batchGet", { documents: [`${ROOT}/waited/a`], transaction }],
  ],
  ["a query", "POST", (transaction) => [":runQuery", { structuredQuery, transaction }]],
  [
    "a count",
    "POST",
    (transaction) => [":runAggregationQuery", { structuredAggregationQuery, transaction }],
  ],
])(
  "%s that waited for a lock is not told to who lost the permission meanwhile",
  async (_what, method, requestIn) => {
    const held = owner.doc("waited/a");
    await owner.doc("bans/ada").delete();
    await held.set({ n: 1 });
    const id = await begin();
    const [path, body] = requestIn(id);
    const waiting = await owner.runTransaction(async (transaction) => {
      await transaction.get(held);
      asked.length = 0;
      const answer = asAda(method, path, body);
      await until(() => asked.length > 0, "it has permission and waits");
      await owner.doc("bans/ada").set({});
      return { answer };
    });
    expect((await waiting.answer).status).toBe(403);
    await asAda("POST", ":rollback", { transaction: id });
  },
);

test("writes past the rules are counted by collection", async () => {
  await owner.doc("audited/a").set({ n: 1 });
  await owner.doc("audited/a").delete();
  const info = server.info();
  expect(info["ownerWrites"]).toMatchObject({ audited: 2 });
  expect(info["ruleCheckedWrites"]).toBeGreaterThan(0);
  expect(info["deniedWrites"]).toBeGreaterThan(0);
});

test.each([
  ["ada, who may read it", "ada", "open", [6, 5, 9]],
  ["ada, who may not read it", "ada", "sealed", [7, 7, 7]],
  ["a stranger", "eve", "open", [7, 7, 7]],
])("what is stored is told by failed preconditions only to readers: %s", async (...row) => {
  const [, uid, collection, codes] = row;
  await owner.doc(`${collection}/there`).set({ n: 1 });
  const client = clientFor(server, uid);
  const there = client.doc(`${collection}/there`);
  const attempts = [
    there.create({ n: 2 }),
    client.doc(`${collection}/missing`).update({ n: 2 }),
    there.update({ n: 2 }, { lastUpdateTime: new Timestamp(1, 0) }),
  ];
  const outcomes = await Promise.all(
    attempts.map((attempt) => attempt.then(String, ({ code }: { code: number }) => code)),
  );
  await client.terminate();
  expect(outcomes).toEqual(codes);
});

describe("a refusal does not tell whether the document is there", () => {
  let guarded: RunningFirestore;
  beforeAll(async () => {
    guarded = await startTestFirestore({
      rules: compileRules(`rules_version = '2';
service cloud.firestore {
  match /databases/{database}/documents/{path=**} {
    allow get: if resource.data.owner == request.auth.uid;
    allow create: if request.resource.data.owner == 'nobody';
    allow update, delete: if resource.data.n == 0;
  }
}`),
    });
    await clientFor(guarded).doc("docs/there").set({ owner: "ada", n: 1 });
  });
  afterAll(() => guarded.stop());

  async function refusals(uid: string, id: string): Promise<string[]> {
    const client = clientFor(guarded, uid);
    const document = client.doc(`docs/${id}`);
    const attempts = [
      document.get(),
      document.set({ owner: uid, n: 2 }),
      document.delete(),
      client.runTransaction(async (transaction) => transaction.set(document, { owner: uid })),
    ];
    const said = await Promise.all(
      attempts.map((attempt) => attempt.then(String, ({ message }: Error) => message)),
    );
    await client.terminate();
    return said.map((message) => message.replaceAll(id, "ID"));
  }

  test("to those who may not get it", async () => {
    const there = await refusals("eve", "there");
    expect(there).toEqual(await refusals("eve", "gone"));
    expect(there.join()).not.toMatch(/create|update|line/);
  });

  test("but those who may get it hear the reason", async () => {
    const [read, ...written] = await refusals("ada", "there");
    expect(read).not.toMatch(/permissions/);
    expect(written[0]).toMatch(/update .*ID: line 6: false/);
  });
});
