/** What the server client may rely on: listeners. */
import { beforeEach, describe, expect, test } from "vitest";
import { db, freshCollection } from "./emulator-target.ts";
import { until } from "../testing/firestore-fixture.ts";

let base = "";
beforeEach(() => {
  base = freshCollection();
});

const items = () => db().collection(base);

export function listenersContract(): void {
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
}
