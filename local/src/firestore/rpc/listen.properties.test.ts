import { silentLogger } from "@bifrost/shared/ports/logger";
import { systemTimers } from "@bifrost/shared/domain/time";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Access } from "../access.ts";
import type { StoredDocument } from "../document.ts";
import { noIndexCheck } from "../indexes/index-check.ts";
import { openMemoryJournal } from "../journal/open-journal.ts";
import { Query } from "../query/query.ts";
import { DatabaseName } from "../resource-name.ts";
import type { Rules } from "../rules/rules.ts";
import { Store } from "../store/store.ts";
import { fakeRules, PROJECT, ROOT } from "../testing/firestore-fixture.ts";
import { ListeningClient } from "../testing/listening-client.ts";
import { ChangeHistory } from "../store/change-history.ts";
import { WatchHub } from "../watch/watch-hub.ts";
import type { Json } from "../wire-json.ts";
import { parseWrites } from "../store/write.ts";
import type { RpcContext } from "./method.ts";

const OWNER = { isOwner: true, auth: null, key: "owner", expiresAtMs: null } as const;
const ADA = {
  isOwner: false,
  auth: { uid: "ada", token: {} },
  key: "uid:ada",
  expiresAtMs: null,
} as const;
const database = new DatabaseName(PROJECT);

function world(rules: Rules = fakeRules(() => true), remembered = 1000) {
  const opened = { ...openMemoryJournal(), history: new ChangeHistory(0, remembered) };
  const store = new Store(opened, systemTimers, silentLogger);
  const access = new Access(store, rules);
  const watches = new WatchHub(store, access, silentLogger);
  const context: RpcContext = {
    store,
    access,
    database,
    timers: systemTimers,
    watches,
    indexes: noIndexCheck,
  };
  const write = async (...writes: Json[]): Promise<void> => {
    await access.commit(OWNER, parseWrites(writes, database));
  };
  return { context, store, write };
}

const n = (value: number): Json => ({ integerValue: String(value) });
const put = (id: string, value: number): Json => ({
  update: { name: `${ROOT}/${id}`, fields: { n: n(value) } },
});
const remove = (id: string): Json => ({ delete: `${ROOT}/${id}` });

const belonging = (id: string, team: string): Json => ({
  update: { name: `${ROOT}/${id}`, fields: { team: { stringValue: team } } },
});
const isOf = (team: string, document: StoredDocument | null): boolean =>
  document?.fields["team"]?.["stringValue"] === team;
const itemsOf = (team: string): Json => {
  const value = { stringValue: team };
  const where = { fieldFilter: { field: { fieldPath: "team" }, op: "EQUAL", value } };
  return { query: { parent: ROOT, structuredQuery: { from: [{ collectionId: "items" }], where } } };
};

const field = { fieldPath: "n" };
const above = (value: number): Json => ({
  fieldFilter: { field, op: "GREATER_THAN", value: n(value) },
});
const QUERIES: Readonly<Record<string, Json>> = {
  everything: { from: [{ collectionId: "items" }] },
  filtered: { from: [{ collectionId: "items" }], where: above(4) },
  "the first two": { from: [{ collectionId: "items" }], orderBy: [{ field }], limit: 2 },
  "behind a cursor": {
    from: [{ collectionId: "items" }],
    orderBy: [{ field, direction: "DESCENDING" }],
    startAt: { values: [n(6)] },
  },
  "any depth": { from: [{ collectionId: "items", allDescendants: true }], where: above(2) },
};
const NAMES = ["items/a", "items/b", "other/c"].map((id) => `${ROOT}/${id}`);

/** Target ids from 1: the queries, then the documents. */
const TARGETS = new Map<number, Json>([
  ...Object.values(QUERIES).map((structuredQuery, index): [number, Json] => [
    index + 1,
    { query: { parent: ROOT, structuredQuery } },
  ]),
  [100, { documents: { documents: NAMES } }],
]);

function resultsOf(store: Store): Map<number, Map<string, string>> {
  const results = new Map<number, Map<string, string>>();
  for (const [index, source] of Object.values(QUERIES).entries()) {
    const found = new Query(ROOT, source).run(store.durable);
    results.set(index + 1, new Map(found.map((one) => [one.name, one.updateTime])));
  }
  const named = NAMES.map((name) => store.durable.get(name)).filter((one) => one !== null);
  results.set(100, new Map(named.map((one) => [one.name, one.updateTime])));
  return results;
}

const ids = fc.constantFrom(
  "items/a",
  "items/b",
  "items/c",
  "items/d",
  "other/c",
  "other/c/items/e",
);
const writes = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(ids, fc.integer({ min: 0, max: 9 })).map((one) => put(...one)) },
  { weight: 1, arbitrary: ids.map(remove) },
);
const steps = fc.oneof(
  { weight: 6, arbitrary: fc.array(writes, { minLength: 1, maxLength: 3 }) },
  // Which of the two clients comes or goes.
  { weight: 2, arbitrary: fc.record({ comes: fc.boolean(), client: fc.constantFrom(0, 1) }) },
);

describe("a listener that comes and goes", () => {
  test.each([
    ["with a long memory", 1000],
    ["with a memory of three changes", 3],
  ])("holds, whenever it is connected, exactly the results: %s", async (_, remembered) => {
    let resets = 0;
    let resumed = 0;
    const property = fc.asyncProperty(
      fc.array(steps, { maxLength: 40, size: "max" }),
      async (script) => {
        const { context, store, write } = world(undefined, remembered);
        const clients = [0, 1].map(() => new ListeningClient(context, OWNER, TARGETS));
        const compared: (readonly [ReturnType<typeof filled>, ReturnType<typeof filled>])[] = [];
        for (const step of script) {
          if (Array.isArray(step)) await write(...step);
          else {
            const client = clients[step.client];
            client?.disconnect();
            if (step.comes) client?.connect();
            resumed += Number(step.comes);
          }
          for (const { isConnected, held } of clients) {
            if (isConnected) compared.push([filled(held), filled(resultsOf(store))]);
          }
        }
        for (const [held, results] of compared) expect(held).toEqual(results);
        for (const client of clients) {
          expect(client.readTimes).toEqual(client.readTimes.toSorted());
          expect(client.recounts).toBe(0);
          resets += client.resets;
          client.disconnect();
        }
        expect(context.watches.size).toEqual({ queries: 0, documents: 0 });
      },
    );
    await fc.assert(property, { numRuns: 300 });
    expect(resumed).toBeGreaterThan(100);
    expect(resets).toBeGreaterThan(0);
    expect(resets).toBeLessThan(resumed * TARGETS.size);
  });

  test("is told nothing again when nothing happened, and only what happened otherwise", async () => {
    const { context, write } = world();
    await write(put("items/a", 5), put("items/b", 5), put("other/c", 1));
    const client = new ListeningClient(context, OWNER, new Map([...TARGETS].slice(0, 2)));
    client.connect();
    client.told = [];
    client.disconnect();
    client.connect();
    expect(client.told).toEqual([]);
    client.disconnect();
    await write(put("items/b", 9));
    client.connect();
    expect(new Set(client.told)).toEqual(new Set([`${ROOT}/items/b`]));
    expect(client.resets).toBe(0);
  });

  test("learns nothing of documents it may not get, and asks again when one of them was its own", async () => {
    const rules = fakeRules(({ method, before }) => method === "list" || isOf("ada", before));
    const { context, write } = world(rules);
    await write(belonging("items/a", "ada"), belonging("items/b", "ada"));
    const client = new ListeningClient(context, ADA, new Map([[1, itemsOf("ada")]]));
    client.connect();
    client.disconnect();
    client.told = [];
    await write(belonging("items/hidden", "bob"));
    await write(belonging("items/gone", "bob"));
    await write(remove("items/gone"), belonging("items/c", "ada"));
    client.connect();
    expect(client.told).toEqual([`${ROOT}/items/c`]);
    expect(client.recounts).toBe(0);
    client.disconnect();
    client.told = [];
    await write(belonging("items/a", "bob"));
    client.connect();
    expect(client.recounts).toBe(1);
    expect(client.told).toEqual(["items/b", "items/c"].map((id) => `${ROOT}/${id}`));
    expect([...(client.held.get(1) ?? new Map()).keys()]).toEqual(client.told);
  });

  test("is not answered from a query by a document that is called like the query's key", async () => {
    const { context, write } = world();
    const parent = `${ROOT}/teams/red`;
    const structuredQuery = { from: [{ collectionId: "items" }] };
    await write(put("teams/red/items/secret", 1));
    const one = new ListeningClient(
      context,
      OWNER,
      new Map([[1, { query: { parent, structuredQuery } }]]),
    );
    one.connect();
    const documents = [`${parent}?${JSON.stringify(structuredQuery)}`];
    const other = new ListeningClient(context, OWNER, new Map([[1, { documents: { documents } }]]));
    other.connect();
    expect(one.told).toEqual([`${parent}/items/secret`]);
    expect(other.told).toEqual(documents);
    expect(filled(other.held)).toEqual(new Map());
  });

  test("is told everything by a store that is not the one it knew", async () => {
    const first = world();
    await first.write(put("items/a", 5));
    const client = new ListeningClient(first.context, OWNER, TARGETS);
    client.connect();
    client.disconnect();
    const second = world();
    await second.write(put("items/b", 5));
    await second.write(put("items/b", 6));
    const moved = new ListeningClient(second.context, OWNER, TARGETS);
    moved.connectFrom(client);
    expect(filled(moved.held)).toEqual(filled(resultsOf(second.store)));
    expect(moved.resets).toBe(TARGETS.size);
  });
});

describe("permission to listen", () => {
  /** Ada may list and get while a document says so. */
  const rules = fakeRules(
    ({ auth, read }) => auth !== null && read(`${ROOT}/members/ada`) !== null,
  );

  test("ends with the commit that ends it, before that commit is told", async () => {
    const { context, write } = world(rules);
    await write(put("members/ada", 1), put("items/a", 5));
    const client = new ListeningClient(context, ADA, TARGETS);
    client.connect();
    expect(client.refused.size).toBe(0);
    client.told = [];
    await write(remove("members/ada"), put("items/a", 6));
    expect(client.told).toEqual([]);
    expect([...client.refused]).toEqual([...TARGETS.keys()].map((id) => [id, 7]));
    await write(put("items/a", 7));
    expect(client.told).toEqual([]);
  });

  test("stays while what it rests on changes and still allows", async () => {
    const { context, store, write } = world(rules);
    await write(put("members/ada", 1));
    const client = new ListeningClient(context, ADA, TARGETS);
    client.connect();
    await write(put("members/ada", 2), put("items/a", 6));
    await write(put("members/ada", 3), put("items/b", 6));
    expect(client.refused.size).toBe(0);
    expect(filled(client.held)).toEqual(filled(resultsOf(store)));
  });
});

/** Targets that hold something: an empty one may never have been mentioned. */
function filled(held: ReadonlyMap<number, ReadonlyMap<string, string>>) {
  const some = [...held].filter(([, documents]) => documents.size > 0);
  return new Map(some.map(([id, documents]) => [id, new Map(documents)]));
}
