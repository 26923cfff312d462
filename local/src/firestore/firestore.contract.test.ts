import { FieldPath, FieldValue, Timestamp, AggregateField } from "@google-cloud/firestore";
import type { Firestore } from "@google-cloud/firestore";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { RunningFirestore } from "./index.ts";
import {
  clientFor,
  startTestFirestore,
  temporaryDirectory,
  until,
} from "./testing/firestore-fixture.ts";

// The client looks for Google's metadata server even when it has no use for it, and warns.
vi.stubEnv("METADATA_SERVER_DETECTION", "none");

let server: RunningFirestore;
let db: Firestore;
const directory = temporaryDirectory();
let run = 0;
let base = "";

beforeAll(async () => {
  server = await startTestFirestore({ dataDir: directory.path });
  db = clientFor(server);
});
beforeEach(() => {
  run += 1;
  base = `runs/${run}/items`;
});
afterAll(async () => {
  await db.terminate();
  await server.stop();
  directory.remove();
});

const items = () => db.collection(base);

async function ids(query: FirebaseFirestore.Query): Promise<string> {
  return (await query.get()).docs.map((doc) => doc.id).join("");
}

describe("documents", () => {
  test("every kind of value comes back as it was written", async () => {
    const value = {
      text: "héllo 中文 😀",
      integer: 42,
      big: 2 ** 53 - 1,
      double: 1.5,
      nan: Number.NaN,
      infinity: Number.POSITIVE_INFINITY,
      yes: true,
      no: false,
      nothing: null,
      empty: "",
      bytes: Buffer.from([0, 1, 255]),
      noBytes: Buffer.alloc(0),
      at: new Timestamp(1_700_000_000, 123_456_000),
      list: [1, "two", { three: 3 }, null],
      noList: [],
      map: { a: { b: { c: 1 } }, "odd.key`\\": 2 },
      noMap: {},
      reference: db.doc("other/one"),
    };
    await items().doc("a").set(value);
    const data = (await items().doc("a").get()).data();
    expect({ ...data, reference: undefined }).toEqual({ ...value, reference: undefined });
    expect(data?.["reference"].path).toBe("other/one");
  });

  test("update touches only its fields, deletes some, and reaches odd names", async () => {
    const doc = items().doc("a");
    await doc.set({ a: 1, b: { c: 1, d: 2 }, "x.y": 1 });
    await doc.update("b.c", 5, new FieldPath("x.y"), 7, "a", FieldValue.delete());
    expect((await doc.get()).data()).toEqual({ b: { c: 5, d: 2 }, "x.y": 7 });
    await doc.set({ b: { e: 1 } }, { merge: true });
    expect((await doc.get()).data()).toEqual({ b: { c: 5, d: 2, e: 1 }, "x.y": 7 });
  });

  test("transforms compute on the server", async () => {
    const doc = items().doc("a");
    await doc.set({ n: 1, list: [1, 2] });
    await doc.update({
      n: FieldValue.increment(4),
      fresh: FieldValue.increment(2.5),
      list: FieldValue.arrayUnion(2, 3),
      at: FieldValue.serverTimestamp(),
    });
    await doc.update({ list: FieldValue.arrayRemove(1) });
    const snapshot = await doc.get();
    expect(snapshot.data()).toMatchObject({ n: 5, fresh: 2.5, list: [2, 3] });
    expect(snapshot.get("at").nanoseconds % 1_000_000).toBe(0);
  });

  test("preconditions are refused with the codes of the service", async () => {
    const doc = items().doc("a");
    await expect(doc.update({ a: 1 })).rejects.toMatchObject({ code: 5 });
    const { writeTime } = await doc.create({ a: 1 });
    await expect(doc.create({ a: 2 })).rejects.toMatchObject({ code: 6 });
    await doc.update({ a: 3 }, { lastUpdateTime: writeTime });
    await expect(doc.update({ a: 4 }, { lastUpdateTime: writeTime })).rejects.toMatchObject({
      code: 9,
    });
    await expect(doc.delete({ lastUpdateTime: writeTime })).rejects.toMatchObject({ code: 9 });
    expect((await doc.get()).get("a")).toBe(3);
  });

  test("a write that changes nothing keeps the update time", async () => {
    const doc = items().doc("a");
    const first = await doc.set({ a: 1, b: [1] });
    const second = await doc.set({ b: [1], a: 1 });
    expect(second.writeTime.isEqual(first.writeTime)).toBe(true);
  });

  test("a batch is applied whole or not at all", async () => {
    await items().doc("b").set({ a: 1 });
    const batch = db.batch().set(items().doc("a"), { a: 1 }).create(items().doc("b"), { a: 2 });
    await expect(batch.commit()).rejects.toMatchObject({ code: 6 });
    expect((await items().doc("a").get()).exists).toBe(false);
  });

  test("a document beyond 1 MiB and a commit beyond 500 writes are refused", async () => {
    await expect(
      items()
        .doc("a")
        .set({ text: "x".repeat(1_048_577) }),
    ).rejects.toMatchObject({ code: 3 });
    const batch = db.batch();
    for (let i = 0; i < 501; i += 1) batch.set(items().doc(`d${i}`), { i });
    await expect(batch.commit()).rejects.toMatchObject({ code: 3 });
    expect((await items().get()).size).toBe(0);
  });

  test("missing documents with children are listed, and recursiveDelete leaves nothing", async () => {
    await items().doc("ghost").collection("sub").doc("x").set({ a: 1 });
    await items().doc("real").set({ a: 1 });
    const listed = await items().listDocuments();
    expect(listed.map((ref) => ref.id)).toEqual(["ghost", "real"]);
    const below = await items().doc("ghost").listCollections();
    expect(below.map((ref) => ref.id)).toEqual(["sub"]);
    await db.recursiveDelete(items());
    expect(await items().listDocuments()).toEqual([]);
  });

  test("a bulk writer reports success and failure one by one", async () => {
    await items().doc("taken").set({});
    const writer = db.bulkWriter();
    const outcomes = [
      writer.create(items().doc("free"), { a: 1 }).then(
        () => "ok",
        () => "failed",
      ),
      writer.create(items().doc("taken"), { a: 1 }).then(
        () => "ok",
        () => "failed",
      ),
    ];
    await writer.close();
    expect(await Promise.all(outcomes)).toEqual(["ok", "failed"]);
  });

  test("a method this server lacks is refused by name", async () => {
    const partitions = db.collectionGroup("items").getPartitions(3);
    await expect(partitions[Symbol.asyncIterator]().next()).rejects.toMatchObject({
      code: 12,
      message: expect.stringContaining("PartitionQuery"),
    });
  });
});

describe("queries", () => {
  const rows = [
    { id: "a", n: 1, tag: "x", list: ["p", "q"] },
    { id: "b", n: 2, tag: "y", list: ["q"] },
    { id: "c", n: 3, tag: "x", list: [] },
    { id: "d", n: null, tag: "z" },
    { id: "e", tag: "x" },
  ];
  beforeEach(async () => {
    const batch = db.batch();
    for (const { id, ...data } of rows) batch.set(items().doc(id), data);
    await batch.commit();
  });

  test.each<[string, () => FirebaseFirestore.Query, string]>([
    ["equality", () => items().where("tag", "==", "x"), "ace"],
    ["null", () => items().where("n", "==", null), "d"],
    ["inequality orders by its field", () => items().where("n", ">=", 2), "bc"],
    ["!= skips null and missing", () => items().where("n", "!=", 2), "ac"],
    ["in", () => items().where("tag", "in", ["y", "z"]), "bd"],
    ["not-in skips null", () => items().where("n", "not-in", [1]), "bc"],
    ["array-contains", () => items().where("list", "array-contains", "q"), "ab"],
    ["array-contains-any", () => items().where("list", "array-contains-any", ["p", "z"]), "a"],
    ["order leaves out the missing", () => items().orderBy("n", "desc"), "cbad"],
    ["limit", () => items().orderBy("n").limit(2), "da"],
    ["limitToLast", () => items().orderBy("n").limitToLast(2), "bc"],
    ["offset", () => items().orderBy("n").offset(2), "bc"],
    ["startAfter", () => items().orderBy("n").startAfter(1), "bc"],
    ["endBefore", () => items().orderBy("n").endBefore(3), "dab"],
    ["name range", () => items().where(FieldPath.documentId(), ">", "c"), "de"],
    ["tie broken by name", () => items().orderBy("tag").startAfter("x"), "bd"],
  ])("%s", async (_name, query, expected) => {
    expect(await ids(query())).toBe(expected);
  });

  test("a cursor from a document continues after it", async () => {
    const start = await items().doc("c").get();
    expect(await ids(items().orderBy("tag").startAfter(start))).toBe("ebd");
  });

  test("select returns only the fields asked for", async () => {
    const snapshot = await items().select("n").limit(1).get();
    expect(snapshot.docs[0]?.data()).toEqual({ n: 1 });
  });

  test("a collection group finds documents at every depth", async () => {
    await db.doc(`${base}/a/parts${run}/p1`).set({ a: 1 });
    await db.doc(`parts${run}/p2`).set({ a: 1 });
    expect(await ids(db.collectionGroup(`parts${run}`))).toBe("p2p1");
  });

  test("aggregations", async () => {
    const snapshot = await items()
      .aggregate({
        count: AggregateField.count(),
        sum: AggregateField.sum("n"),
        avg: AggregateField.average("n"),
      })
      .get();
    expect(snapshot.data()).toEqual({ count: 4, sum: 6, avg: 2 });
    const none = await items()
      .where("tag", "==", "none")
      .aggregate({ avg: AggregateField.average("n") })
      .get();
    expect(none.data()).toEqual({ avg: null });
  });
});

describe("transactions", () => {
  test("ten clients incrementing one document lose nothing", async () => {
    const doc = items().doc("counter");
    await doc.set({ n: 0 });
    const clients = Array.from({ length: 10 }, () => clientFor(server));
    await Promise.all(
      clients.map((client) =>
        client.runTransaction(async (transaction) => {
          const ref = client.doc(doc.path);
          const snapshot = await transaction.get(ref);
          transaction.update(ref, { n: snapshot.get("n") + 1 });
        }),
      ),
    );
    expect((await doc.get()).get("n")).toBe(10);
    await Promise.all(clients.map((client) => client.terminate()));
  });

  test("two transactions that lock in opposite order both succeed in the end", async () => {
    await items().doc("a").set({ n: 0 });
    await items().doc("b").set({ n: 0 });
    const both = (first: string, second: string): Promise<void> =>
      db.runTransaction(async (transaction) => {
        const one = await transaction.get(items().doc(first));
        const two = await transaction.get(items().doc(second));
        transaction.update(one.ref, { n: one.get("n") + 1 });
        transaction.update(two.ref, { n: two.get("n") + 1 });
      });
    await Promise.all([both("a", "b"), both("b", "a")]);
    expect((await items().doc("a").get()).get("n")).toBe(2);
    expect((await items().doc("b").get()).get("n")).toBe(2);
  });

  test("a newcomer to a queried result makes the transaction run again", async () => {
    let attempts = 0;
    await db.runTransaction(async (transaction) => {
      attempts += 1;
      const found = await transaction.get(items().where("kind", "==", "x"));
      if (attempts === 1) await items().doc("newcomer").set({ kind: "x" });
      transaction.set(items().doc("total"), { count: found.size });
    });
    expect(attempts).toBe(2);
    expect((await items().doc("total").get()).get("count")).toBe(1);
  });

  test("a write from outside waits for the transaction that read the document", async () => {
    const doc = items().doc("a");
    await doc.set({ n: 1 });
    let outside: Promise<unknown> = Promise.resolve();
    await db.runTransaction(async (transaction) => {
      const { n } = (await transaction.get(doc)).data() ?? {};
      outside = doc.update({ by: "outside" });
      transaction.update(doc, { n: n + 1 });
    });
    await outside;
    expect((await doc.get()).data()).toEqual({ n: 2, by: "outside" });
  });

  test("a read-only transaction sees one moment", async () => {
    await items().doc("a").set({ n: 1 });
    await items().doc("b").set({ n: 1 });
    const seen = await db.runTransaction(
      async (transaction) => {
        const a = await transaction.get(items().doc("a"));
        await db
          .batch()
          .update(items().doc("a"), { n: 2 })
          .update(items().doc("b"), { n: 2 })
          .commit();
        const all = await transaction.get(items().orderBy("n"));
        return [a.get("n"), ...all.docs.map((doc) => doc.get("n"))];
      },
      { readOnly: true },
    );
    expect(seen).toEqual([1, 1, 1]);
  });
});

describe("listeners", () => {
  test("a document is followed through create, change and delete", async () => {
    const seen: unknown[] = [];
    const stop = items()
      .doc("a")
      .onSnapshot((snapshot) => seen.push(snapshot.data()));
    await until(() => seen.length === 1, "the first snapshot");
    await items().doc("a").set({ n: 1 });
    await until(() => seen.length === 2, "the creation");
    await items().doc("a").set({ n: 1 });
    await items().doc("a").set({ n: 2 });
    await until(() => seen.length === 3, "the change");
    await items().doc("a").delete();
    await until(() => seen.length === 4, "the deletion");
    stop();
    expect(seen).toEqual([undefined, { n: 1 }, { n: 2 }, undefined]);
  });

  test("a query reports who enters, changes and leaves", async () => {
    const seen: string[] = [];
    const stop = items()
      .where("on", "==", true)
      .onSnapshot((snapshot) => {
        seen.push(
          snapshot
            .docChanges()
            .map((change) => `${change.type} ${change.doc.id}`)
            .join(","),
        );
      });
    await until(() => seen.length === 1, "the first snapshot");
    const steps: [object, string][] = [
      [{ on: true }, "added a"],
      [{ on: true, n: 1 }, "modified a"],
      [{ on: false }, "removed a"],
    ];
    for (const [data, expected] of steps) {
      await items().doc("a").set(data);
      await until(() => seen.at(-1) === expected, expected);
    }
    stop();
  });

  test("a limited query pulls the next one in when one leaves", async () => {
    for (const id of ["a", "b", "c"]) await items().doc(id).set({ n: id });
    let shown = "";
    const stop = items()
      .orderBy("n")
      .limit(2)
      .onSnapshot((snapshot) => {
        shown = snapshot.docs.map((doc) => doc.id).join("");
      });
    await until(() => shown === "ab", "the first two");
    await items().doc("a").delete();
    await until(() => shown === "bc", "the third moving in");
    stop();
  });
});
