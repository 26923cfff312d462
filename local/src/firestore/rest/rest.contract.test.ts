import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RunningFirestore } from "../index.ts";
import { fakeRules, ROOT, startTestFirestore } from "../testing/firestore-fixture.ts";

let server: RunningFirestore;
beforeAll(async () => {
  server = await startTestFirestore({ rules: fakeRules(({ auth }) => auth?.uid === "ada") });
});
afterAll(() => server.stop());

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

async function call(
  method: string,
  path: string,
  body?: unknown,
  token = "user-ada",
): Promise<Answer> {
  const headers: Record<string, string> = token === "" ? {} : { authorization: `Bearer ${token}` };
  const init =
    body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
  const response = await fetch(`http://127.0.0.1:${server.port}/v1/${ROOT}${path}`, init);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

function setting(id: string, extra: object = {}): object {
  return {
    writes: [
      { update: { name: `${ROOT}/items/${id}`, fields: { n: { integerValue: "1" } } }, ...extra },
    ],
  };
}

test("a commit answers results in order, with transforms and one commit time", async () => {
  const write = {
    update: { name: `${ROOT}/items/commit`, fields: { n: { integerValue: 1 } } },
    updateTransforms: [
      { fieldPath: "at", setToServerValue: "REQUEST_TIME" },
      { fieldPath: "n", increment: { integerValue: "4" } },
    ],
  };
  const { status, body } = await call("POST", ":commit", { writes: [write] });
  expect(status).toBe(200);
  const time = String(body["commitTime"]);
  expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  const at = `${time.slice(0, -4)}000Z`;
  expect(body["writeResults"]).toEqual([
    { updateTime: time, transformResults: [{ timestampValue: at }, { integerValue: "5" }] },
  ]);
  expect(server.read("items/commit")?.fields).toEqual({
    n: { integerValue: "5" },
    at: { timestampValue: at },
  });
});

describe("errors have Google's shape and status", () => {
  const missing = { currentDocument: { exists: true } };
  const stale = { currentDocument: { updateTime: "2020-01-01T00:00:00Z" } };
  test.each<[string, number, string, () => Promise<Answer>]>([
    ["a malformed body", 400, "INVALID_ARGUMENT", () => call("POST", ":commit", [])],
    [
      "a bad value",
      400,
      "INVALID_ARGUMENT",
      () => call("PATCH", "/items/x", { fields: { a: { wrong: 1 } } }),
    ],
    ["a reserved id", 400, "INVALID_ARGUMENT", () => call("POST", ":commit", setting("__x__"))],
    [
      "a bad field path",
      400,
      "INVALID_ARGUMENT",
      () => call("PATCH", "/items/x?updateMask.fieldPaths=a..b", {}),
    ],
    ["a missing document", 404, "NOT_FOUND", () => call("GET", "/items/none")],
    [
      "an update of nothing",
      404,
      "NOT_FOUND",
      () => call("POST", ":commit", setting("none", missing)),
    ],
    [
      "an existing document",
      409,
      "ALREADY_EXISTS",
      () => call("POST", "/items?documentId=there", {}),
    ],
    [
      "a stale update time",
      400,
      "FAILED_PRECONDITION",
      () => call("POST", ":commit", setting("there", stale)),
    ],
    [
      "an unknown transaction",
      409,
      "ABORTED",
      () => call("POST", ":commit", { transaction: "AAAA" }),
    ],
    ["no credentials", 403, "PERMISSION_DENIED", () => call("POST", ":commit", setting("x"), "")],
    [
      "other credentials",
      403,
      "PERMISSION_DENIED",
      () => call("POST", ":commit", setting("x"), "user-eve"),
    ],
    ["a bad token", 401, "UNAUTHENTICATED", () => call("POST", ":commit", setting("x"), "forged")],
    [
      "a batch bound by rules",
      403,
      "PERMISSION_DENIED",
      () => call("POST", ":batchWrite", setting("x")),
    ],
    ["a missing method", 501, "UNIMPLEMENTED", () => call("POST", ":executePipeline", {})],
  ])("%s is %i %s", async (_name, httpStatus, grpcStatus, request) => {
    await call("PATCH", "/items/there", {});
    const { status, body } = await request();
    expect(body).toMatchObject({ error: { code: httpStatus, status: grpcStatus } });
    expect(status).toBe(httpStatus);
    expect(server.read("items/x")).toBeNull();
  });

  test("a body beyond 10 MiB is refused and the server lives on", async () => {
    const large = { writes: [], padding: "x".repeat(10 * 1024 * 1024) };
    expect((await call("POST", ":commit", large)).status).toBe(400);
    expect((await call("GET", "/items/there")).status).toBe(200);
  });
});

test("documents are made, read, changed, listed by pages and deleted by path", async () => {
  expect(
    (await call("POST", "/pages?documentId=a%3A1", { fields: { n: { integerValue: "1" } } }))
      .status,
  ).toBe(200);
  const patched = await call("PATCH", "/pages/b?updateMask.fieldPaths=n", {
    fields: { n: { doubleValue: 2 }, m: { nullValue: null } },
  });
  expect(patched.body["fields"]).toEqual({ n: { doubleValue: 2 } });
  expect((await call("GET", "/pages/a%3A1")).body["name"]).toBe(`${ROOT}/pages/a:1`);
  const first = await call("GET", "/pages?pageSize=1");
  expect(first.body["documents"]).toMatchObject([{ name: `${ROOT}/pages/a:1` }]);
  const second = await call(
    "GET",
    `/pages?pageSize=1&pageToken=${String(first.body["nextPageToken"])}`,
  );
  expect(second.body).toMatchObject({ documents: [{ name: `${ROOT}/pages/b` }] });
  expect(second.body["nextPageToken"]).toBeUndefined();
  expect(await call("DELETE", "/pages/b?currentDocument.exists=true")).toEqual({
    status: 200,
    body: {},
  });
  expect(server.read("pages/b")).toBeNull();
});

test("queries, batch reads and transactions work as they do over gRPC", async () => {
  await call("PATCH", "/rows/a", { fields: { n: { integerValue: "1" } } });
  const structuredQuery = { from: [{ collectionId: "rows" }] };
  expect((await call("POST", ":runQuery", { structuredQuery })).body).toMatchObject([
    { document: { name: `${ROOT}/rows/a` } },
  ]);
  const aggregations = [{ alias: "all", count: {} }];
  const counted = await call("POST", ":runAggregationQuery", {
    structuredAggregationQuery: { structuredQuery, aggregations },
  });
  expect(counted.body).toMatchObject([
    { result: { aggregateFields: { all: { integerValue: "1" } } } },
  ]);
  const { transaction } = (await call("POST", ":beginTransaction", {})).body;
  const documents = [`${ROOT}/rows/a`, `${ROOT}/rows/none`];
  expect((await call("POST", ":batchGet", { documents, transaction })).body).toMatchObject([
    { found: { name: documents[0] } },
    { missing: documents[1] },
  ]);
  const stranger = await call("POST", ":rollback", { transaction }, "owner");
  expect(stranger.status).toBe(409);
  expect(
    (await call("POST", ":commit", { transaction, writes: [{ delete: documents[0] }] })).status,
  ).toBe(200);
  expect(server.read("rows/a")).toBeNull();
});
