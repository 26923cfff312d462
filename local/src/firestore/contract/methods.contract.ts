/** The methods one by one as clients call them over REST and gRPC, and what is refused by name. */
import { Timestamp } from "@google-cloud/firestore";
import { beforeEach, describe, expect, test } from "vitest";
import { db, freshCollection, isForeign, rest, ROOT } from "./emulator-target.ts";

let base = "";
beforeEach(() => {
  base = freshCollection();
});

interface Page {
  readonly documents?: readonly { readonly name: string; readonly fields?: object }[];
  readonly nextPageToken?: string;
}

const int = (value: number): object => ({ integerValue: String(value) });
const nameOf = (id: string): string => `${ROOT}/${base}/${id}`;

async function create(id: string, fields: object): Promise<void> {
  await rest("POST", `/${base}?documentId=${id}`, { fields });
}

/** Every page of a list, as ids. */
async function pages(parameters: string): Promise<string[]> {
  const found: string[] = [];
  let pageToken = "";
  do {
    const { body } = await rest("GET", `/${base}?${parameters}&pageToken=${pageToken}`);
    const { documents = [], nextPageToken = "" } = body as Page;
    found.push(documents.map(({ name }) => name.slice(nameOf("").length)).join(""));
    pageToken = nextPageToken;
  } while (pageToken !== "");
  return found;
}

/** The count of the collection, at most this; the status when it is refused. */
async function counted(upTo: string): Promise<unknown> {
  const structuredAggregationQuery = {
    structuredQuery: { from: [{ collectionId: "items" }] },
    aggregations: [{ alias: "n", count: { upTo } }],
  };
  const parent = base.slice(0, base.lastIndexOf("/"));
  const { status, body } = await rest("POST", `/${parent}:runAggregationQuery`, {
    structuredAggregationQuery,
  });
  if (status !== 200) return status;
  return (body as { result: { aggregateFields: unknown } }[])[0]?.result.aggregateFields;
}

export function methodsContract(): void {
  describe("documents over REST", () => {
    test("create, get, patch with a mask, and delete", async () => {
      await create("a", { n: int(1), m: int(1) });
      expect(await rest("POST", `/${base}?documentId=a`, {})).toMatchObject({ status: 409 });
      const patched = await rest("PATCH", `/${base}/a?updateMask.fieldPaths=n&mask.fieldPaths=n`, {
        fields: { n: int(2) },
      });
      expect(patched).toMatchObject({ status: 200, body: { fields: { n: int(2) } } });
      const { body } = await rest("GET", `/${base}/a?mask.fieldPaths=m`);
      expect((body as { fields: object }).fields).toEqual({ m: int(1) });
      expect(await rest("DELETE", `/${base}/a?currentDocument.exists=true`)).toMatchObject({
        status: 200,
      });
      expect(await rest("DELETE", `/${base}/a?currentDocument.exists=true`)).toMatchObject({
        status: 404,
      });
      expect(await rest("GET", `/${base}/a`)).toMatchObject({ status: 404 });
    });

    test("a created document without an id gets one of 20 letters and digits", async () => {
      const { body } = await rest("POST", `/${base}`, { fields: {} });
      expect((body as { name: string }).name.slice(nameOf("").length)).toMatch(/^[A-Za-z0-9]{20}$/);
    });

    test("batchGet answers each name once, whole or masked, found or missing", async () => {
      await create("a", { n: int(1), m: int(2) });
      const documents = [nameOf("a"), nameOf("none"), nameOf("a")];
      const { body } = await rest("POST", ":batchGet", { documents, mask: { fieldPaths: ["m"] } });
      const answers = body as { found?: { name: string; fields: object }; missing?: string }[];
      expect(answers.flatMap(({ found }) => (found === undefined ? [] : [found.fields]))).toEqual([
        { m: int(2) },
      ]);
      expect(answers.flatMap(({ missing }) => missing ?? [])).toEqual([nameOf("none")]);
    });

    test("a list comes in pages, sorted by name or as asked", async () => {
      for (const [n, id] of ["a", "b", "c", "d", "e"].entries())
        await create(id, { n: int(n % 2) });
      expect(await pages("pageSize=2")).toEqual(["ab", "cd", "e"]);
      expect(await pages("pageSize=2&orderBy=n%20desc")).toEqual(["db", "ec", "a"]);
      expect(await pages("pageSize=3&orderBy=n,%20__name__%20desc")).toEqual(["eca", "db"]);
      expect(await rest("GET", `/${base}?orderBy=n%20upwards`)).toMatchObject({ status: 400 });
    });

    test("a list can show names that only have something below them", async () => {
      await create("b", {});
      await rest("POST", `/${base}/a/below?documentId=x`, {});
      await rest("POST", `/${base}/c/below?documentId=x`, {});
      expect(await pages("pageSize=2")).toEqual(["b"]);
      expect(await pages("pageSize=2&showMissing=true")).toEqual(["ab", "c"]);
      const refused = await rest("GET", `/${base}?showMissing=true&orderBy=n`);
      expect(refused).toMatchObject({ status: 400 });
    });

    test("listCollectionIds comes in pages", async () => {
      for (const id of ["x", "y", "z"]) await rest("POST", `/${base}/a/${id}?documentId=d`, {});
      const first = await rest("POST", `/${base}/a:listCollectionIds`, { pageSize: 2 });
      const { collectionIds, nextPageToken } = first.body as {
        collectionIds: string[];
        nextPageToken: string;
      };
      expect(collectionIds).toEqual(["x", "y"]);
      const second = await rest("POST", `/${base}/a:listCollectionIds`, {
        pageToken: nextPageToken,
      });
      expect(second.body).toMatchObject({ collectionIds: ["z"] });
    });

    test("a count stops at its bound", async () => {
      for (const id of ["a", "b", "c"]) await create(id, {});
      expect(await counted("2")).toEqual({ n: int(2) });
      expect(await counted("9")).toEqual({ n: int(3) });
      expect(await counted("0")).toBe(400);
    });
  });

  // What ours lacks; Google's emulator has some of it.
  describe.skipIf(isForeign)("what this server lacks is refused by its name", () => {
    const query = { structuredQuery: { from: [{ collectionId: "items" }] } };
    const readTime = "2024-01-01T00:00:00Z";
    test.each<[string, string, object, string]>([
      ["PartitionQuery", ":partitionQuery", query, "PartitionQuery"],
      ["ExecutePipeline", ":executePipeline", {}, "ExecutePipeline"],
      ["a query in the past", ":runQuery", { ...query, readTime }, "read_time"],
      ["documents in the past", ":batchGet", { documents: [], readTime }, "read_time"],
      [
        "a transaction in the past",
        ":beginTransaction",
        { options: { readOnly: { readTime } } },
        "read_time",
      ],
      ["a plan", ":runQuery", { ...query, explainOptions: {} }, "explain_options"],
      [
        "a plan of an aggregation",
        ":runAggregationQuery",
        { explainOptions: {} },
        "explain_options",
      ],
      [
        "a search by vectors",
        ":runQuery",
        { structuredQuery: { ...query.structuredQuery, findNearest: {} } },
        "findNearest",
      ],
      ["a method that nobody knows", ":levitate", {}, "levitate"],
    ])("%s, over REST", async (_name, verb, body, named) => {
      const answer = await rest("POST", verb, body);
      expect(answer).toMatchObject({ status: 501, body: { error: { status: "UNIMPLEMENTED" } } });
      expect(JSON.stringify(answer.body)).toContain(named);
    });

    test.each<[string, () => Promise<unknown>, string]>([
      [
        "PartitionQuery",
        async () => db().collectionGroup("items").getPartitions(3)[Symbol.asyncIterator]().next(),
        "PartitionQuery",
      ],
      ["a query's plan", () => db().collection(base).explain(), "explain_options"],
      ["ExecutePipeline", () => db().pipeline().collection(base).execute(), "ExecutePipeline"],
      [
        "a search by vectors",
        () =>
          db()
            .collection(base)
            .findNearest({
              vectorField: "v",
              queryVector: [1],
              limit: 1,
              distanceMeasure: "COSINE",
            })
            .get(),
        "findNearest",
      ],
      [
        "a read-only transaction in the past",
        () =>
          db().runTransaction((transaction) => transaction.get(db().doc(`${base}/a`)), {
            readOnly: true,
            readTime: Timestamp.fromMillis(0),
          }),
        "read_time",
      ],
    ])("%s, over gRPC", async (_name, call, named) => {
      await expect(call()).rejects.toMatchObject({
        code: 12,
        message: expect.stringContaining(named),
      });
    });
  });
}
