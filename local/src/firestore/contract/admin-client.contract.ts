/** What firebase-admin may rely on: it brings a server client of another major version. */
import { deleteApp, initializeApp } from "firebase-admin/app";
import { FieldValue, type Firestore, getFirestore } from "firebase-admin/firestore";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { freshCollection, PROJECT } from "./emulator-target.ts";

let base = "";
beforeEach(() => {
  base = freshCollection();
});

export function adminClientContract(): void {
  describe("firebase-admin", () => {
    let admin: Firestore;
    let close: () => Promise<void>;
    beforeAll(() => {
      const app = initializeApp({ projectId: PROJECT }, "contract");
      admin = getFirestore(app);
      close = () => deleteApp(app);
    });
    afterAll(() => close());

    test("documents, queries, counts and transactions", async () => {
      const items = admin.collection(base);
      const { id } = await items.add({ n: 1, at: FieldValue.serverTimestamp() });
      await items.doc("b").create({ n: 2 });
      await expect(items.doc("b").create({})).rejects.toMatchObject({ code: 6 });
      await admin.runTransaction(async (transaction) => {
        const snapshot = await transaction.get(items.where("n", "==", 1));
        for (const found of snapshot.docs) transaction.update(found.ref, { n: 3 });
      });
      const sorted = await items.orderBy("n", "desc").select("n").get();
      expect(sorted.docs.map((one) => [one.id, one.data()])).toEqual([
        [id, { n: 3 }],
        ["b", { n: 2 }],
      ]);
      expect((await items.where("n", ">", 2).count().get()).data()).toEqual({ count: 1 });
      const [first, missing] = await admin.getAll(items.doc("b"), items.doc("none"), {
        fieldMask: ["m"],
      });
      expect([first?.data(), missing?.exists]).toEqual([{}, false]);
    });

    test("listDocuments, listCollections and recursiveDelete", async () => {
      await admin.doc(`${base}/a/below/x`).set({});
      expect((await admin.doc(`${base}/a`).listCollections()).map(({ id }) => id)).toEqual([
        "below",
      ]);
      expect((await admin.collection(base).listDocuments()).map(({ id }) => id)).toEqual(["a"]);
      await admin.recursiveDelete(admin.collection(base));
      expect(await admin.collection(base).listDocuments()).toEqual([]);
    });
  });
}
