/** Queries that production refuses for want of an index are refused, whoever asks and on every way. */
import { AggregateField, type Firestore } from "@google-cloud/firestore";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startFirestore, type RunningFirestore } from "../index.ts";
import { parseIndexFile } from "../indexes/index-file.ts";
import { fakeRules, until } from "../testing/firestore-fixture.ts";
import { clientAt, isForeign, PROJECT, ROOT } from "./emulator-target.ts";

const indexes = parseIndexFile(
  JSON.stringify({
    indexes: [
      {
        collectionGroup: "items",
        queryScope: "COLLECTION",
        fields: [
          { fieldPath: "a", order: "ASCENDING" },
          { fieldPath: "b", order: "ASCENDING" },
        ],
      },
    ],
  }),
);

async function statusOfList({ port }: RunningFirestore, orderBy: string): Promise<number> {
  const parameters = new URLSearchParams({ orderBy });
  const url = `http://127.0.0.1:${port}/v1/${ROOT}/items?${parameters.toString()}`;
  return (await fetch(url, { headers: { authorization: "Bearer owner" } })).status;
}

export function indexesContract(): void {
  // An emulator runs every query: it knows no firestore.indexes.json.
  describe.skipIf(isForeign)("a server that was given the indexes", () => {
    let server: RunningFirestore;
    let db: Firestore;
    beforeAll(async () => {
      server = await startFirestore({
        projectId: PROJECT,
        timers: systemTimers,
        log: silentLogger,
        rules: fakeRules(() => true),
        indexes,
        testMode: true,
      });
      db = clientAt(server.port);
      await db.doc("items/x").set({ a: 1, b: 2, n: 3 });
    });
    afterAll(async () => {
      await db.terminate();
      await server.stop();
    });

    const served = () => db.collection("items").where("a", "==", 1).orderBy("b");
    const refused = () => db.collection("items").where("a", "==", 1).orderBy("b", "desc");
    const REFUSAL = {
      code: 9,
      message: expect.stringMatching(
        /The query requires an index.*"collectionGroup":"items".*DESCENDING/,
      ),
    };

    test("runs the queries they serve and refuses the others with the missing entry", async () => {
      expect((await served().get()).size).toBe(1);
      await expect(refused().get()).rejects.toMatchObject(REFUSAL);
    });

    test("in transactions too", async () => {
      const count = await db.runTransaction(
        async (transaction) => (await transaction.get(served())).size,
      );
      expect(count).toBe(1);
      await expect(
        db.runTransaction((transaction) => transaction.get(refused()), { maxAttempts: 1 }),
      ).rejects.toMatchObject(REFUSAL);
    });

    test("counts like the query, and sums with the summed field", async () => {
      expect((await served().count().get()).data()).toEqual({ count: 1 });
      await expect(refused().count().get()).rejects.toMatchObject(REFUSAL);
      const sum = served().aggregate({ n: AggregateField.sum("n") });
      await expect(sum.get()).rejects.toMatchObject({
        code: 9,
        message: expect.stringContaining('"n"'),
      });
    });

    test("listeners, when they are added", async () => {
      let size = 0;
      const errors: string[] = [];
      const stops = [served(), refused()].map((query) =>
        query.onSnapshot(
          (snapshot) => (size = snapshot.size),
          (error) => errors.push(error.message),
        ),
      );
      await until(() => size === 1 && errors.length === 1, "a snapshot and a refusal");
      for (const stop of stops) stop();
      expect(errors[0]).toMatch(/requires an index/);
    });

    test("lists that are sorted, over REST", async () => {
      expect(await statusOfList(server, "a desc")).toBe(200);
      expect(await statusOfList(server, "b, a")).toBe(400);
    });
  });
}
