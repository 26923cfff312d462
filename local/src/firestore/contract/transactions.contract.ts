/** What the server client may rely on: transactions. */
import { beforeEach, describe, expect, test } from "vitest";
import { anotherClient, db, freshCollection } from "./emulator-target.ts";

let base = "";
beforeEach(() => {
  base = freshCollection();
});

const items = () => db().collection(base);

export function transactionsContract(): void {
  describe("transactions", () => {
    test("ten clients incrementing one document lose nothing", async () => {
      const doc = items().doc("counter");
      await doc.set({ n: 0 });
      const clients = Array.from({ length: 10 }, () => anotherClient());
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
    });

    test("two transactions that lock in opposite order both succeed in the end", async () => {
      await items().doc("a").set({ n: 0 });
      await items().doc("b").set({ n: 0 });
      const both = (first: string, second: string): Promise<void> =>
        db().runTransaction(async (transaction) => {
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
      await db().runTransaction(async (transaction) => {
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
      await db().runTransaction(async (transaction) => {
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
      const seen = await db().runTransaction(
        async (transaction) => {
          const a = await transaction.get(items().doc("a"));
          await db()
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

    test("a read-only transaction tells the time of that moment", async () => {
      const doc = items().doc("a");
      await doc.set({ n: 1 });
      const [read, written, queried] = await db().runTransaction(
        async (transaction) => {
          const first = await transaction.get(doc);
          const { writeTime } = await doc.set({ n: 2 });
          return [first.readTime, writeTime, (await transaction.get(items())).readTime];
        },
        { readOnly: true },
      );
      expect(queried).toEqual(read);
      expect((queried?.valueOf() ?? "") < (written?.valueOf() ?? "")).toBe(true);
    });
  });
}
