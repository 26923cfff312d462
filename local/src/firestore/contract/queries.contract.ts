/** What the server client may rely on: queries. */
import { randomUUID } from "node:crypto";
import { AggregateField, FieldPath, GeoPoint, Timestamp } from "@google-cloud/firestore";
import { beforeEach, describe, expect, test } from "vitest";
import { db, freshCollection } from "./emulator-target.ts";

let base = "";
beforeEach(() => {
  base = freshCollection();
});

const items = () => db().collection(base);

async function ids(query: FirebaseFirestore.Query): Promise<string> {
  return (await query.get()).docs.map((doc) => doc.id).join("");
}

const range = (length: number): number[] => Array.from({ length }, (_, n) => n);

export function queriesContract(): void {
  describe("queries", () => {
    const rows = [
      { id: "a", n: 1, tag: "x", list: ["p", "q"] },
      { id: "b", n: 2, tag: "y", list: ["q"] },
      { id: "c", n: 3, tag: "x", list: [] },
      { id: "d", n: null, tag: "z" },
      { id: "e", tag: "x" },
    ];
    beforeEach(async () => {
      const batch = db().batch();
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

    test.each<[string, () => FirebaseFirestore.Query]>([
      [
        "more than 30 disjunctions",
        () => items().where("n", "in", range(16)).where("tag", "in", ["x", "y"]),
      ],
      ["more than 10 excluded values", () => items().where("n", "not-in", range(11))],
      ["not-in beside in", () => items().where("n", "not-in", [1]).where("tag", "in", ["x"])],
      ["not-in beside !=", () => items().where("n", "not-in", [1]).where("n", "!=", 2)],
      [
        "two array-contains in one conjunction",
        () => items().where("list", "array-contains", 1).where("list", "array-contains", 2),
      ],
    ])("%s: refused", async (_name, query) => {
      await expect(query().get()).rejects.toMatchObject({ code: 3 });
    });

    test("values sort by type, then within the type", async () => {
      const group = freshCollection();
      const sorted = [
        null,
        false,
        true,
        Number.NaN,
        -1.5,
        0,
        1,
        1.5,
        Timestamp.fromMillis(0),
        "",
        "a",
        "\u{ffff}",
        "\u{1f600}",
        Buffer.from([0]),
        db().doc("c/a"),
        new GeoPoint(-1, 0),
        new GeoPoint(0, 0),
        [],
        [1],
        [1, "a"],
        ["a"],
        {},
        { a: 1 },
        { a: 1, b: 0 },
        { b: 0 },
      ];
      const batch = db().batch();
      // Named so that the names sort the other way.
      for (const [n, v] of sorted.entries()) batch.set(db().doc(`${group}/${99 - n}`), { v, n });
      await batch.commit();
      const { docs } = await db().collection(group).orderBy("v").get();
      expect(docs.map((doc) => doc.get("n") as number)).toEqual(range(sorted.length));
    });

    test("a collection group finds documents at every depth", async () => {
      const group = `parts-${randomUUID()}`;
      await db().doc(`${base}/a/${group}/p1`).set({ a: 1 });
      await db().doc(`${group}/p2`).set({ a: 1 });
      expect(await ids(db().collectionGroup(group))).toBe("p1p2");
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
}
