/** What the server client may rely on: documents. */
import { FieldPath, FieldValue, Timestamp } from "@google-cloud/firestore";
import { beforeEach, describe, expect, test } from "vitest";
import { db, freshCollection } from "./emulator-target.ts";

let base = "";
beforeEach(() => {
  base = freshCollection();
});

const items = () => db().collection(base);

export function documentsContract(): void {
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
        reference: db().doc("other/one"),
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
      const batch = db().batch().set(items().doc("a"), { a: 1 }).create(items().doc("b"), { a: 2 });
      await expect(batch.commit()).rejects.toMatchObject({ code: 6 });
      expect((await items().doc("a").get()).exists).toBe(false);
    });

    test("a document beyond 1 MiB and a commit beyond 500 writes are refused", async () => {
      await expect(
        items()
          .doc("a")
          .set({ text: "x".repeat(1_048_577) }),
      ).rejects.toMatchObject({ code: 3 });
      const batch = db().batch();
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
      await db().recursiveDelete(items());
      expect(await items().listDocuments()).toEqual([]);
    });

    test("a bulk writer reports success and failure one by one", async () => {
      await items().doc("taken").set({});
      const writer = db().bulkWriter();
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
  });
}
