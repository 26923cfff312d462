/** The unmodified web SDK in a real Chromium against the embedded Firestore, in each way it can talk. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  fakeRules,
  placeOf,
  PROJECT,
  startTestFirestore,
} from "../../local/src/firestore/testing/firestore-fixture.ts";
import type { RunningFirestore } from "../../local/src/firestore/index.ts";
import { until } from "../support/until.ts";
import { Browser, chromiumPath, type Tab } from "./chromium.ts";
import type { Connection, Seen } from "./page.ts";

const chromium = chromiumPath();
let server: RunningFirestore;
let browser: Browser;

beforeAll(async () => {
  server = await startTestFirestore({
    rules: fakeRules((request) => {
      const place = placeOf(request);
      if (place.includes("/sealed/")) return false;
      return place.includes("/public/") || request.auth?.uid === "ada";
    }),
  });
  if (chromium !== undefined) browser = await Browser.start(chromium);
});
afterAll(async () => {
  await browser?.close();
  await server.stop();
});
beforeEach((context) => {
  if (chromium === undefined) context.skip("chromium is not installed");
});

function connection(more: Partial<Connection> = {}): Connection {
  return { host: "127.0.0.1", port: server.port, projectId: PROJECT, token: "user-ada", ...more };
}

/** What a listener of a document saw, in short: `1*` is a value that is not confirmed yet, `-` no document. */
function brief({ values, isPending }: Seen): string {
  return `${Object.values(values).join() || "-"}${isPending ? "*" : ""}`;
}

/** Waits for a snapshot and answers all that came up to it. */
async function seenUntil(tab: Tab, name: string, last: (seen: Seen) => boolean): Promise<Seen[]> {
  return until(
    async () => {
      const { seen } = await tab.watched(name);
      const index = seen.findIndex(last);
      return index === -1 ? undefined : seen.slice(0, index + 1);
    },
    { what: `a snapshot of ${name}`, everyMs: 20 },
  );
}

const confirmed =
  (text: string) =>
  (seen: Seen): boolean =>
    !seen.isFromCache && brief(seen) === text;

describe.each([
  ["as it comes", {}],
  ["with long polling", { experimentalForceLongPolling: true }],
  ["without looking for proxies", { experimentalAutoDetectLongPolling: false }],
])("the SDK %s", (mode, transport) => {
  let tab: Tab;
  const collection = `items-${mode.replaceAll(" ", "-")}`;
  const at = (id: string): string => `${collection}/${id}`;
  beforeAll(async () => {
    if (chromium !== undefined) tab = await browser.open(connection({ transport }));
  });
  afterAll(() => tab?.page.close());

  test("writes, reads, counts and deletes, alone and in batches", async () => {
    const text = "zażółć gęślą, 漢字, 😀, \u2028, \u0000";
    expect(await tab.run("set", at("a"), { n: 1, text })).toBe("ok");
    expect(server.read(at("a"))?.fields["text"]).toEqual({ stringValue: text });
    expect(await tab.run("get", at("a"))).toEqual({ n: 1, text });
    expect(await tab.run("add", at("a"), 4)).toBe("ok");
    expect(await tab.run("batch", { [at("b")]: { n: 2 }, [at("c")]: { n: 9 } }, [])).toBe("ok");
    expect(await tab.run("list", collection)).toEqual(["a", "b", "c"]);
    expect(await tab.run("list", collection, 5)).toEqual(["a", "c"]);
    expect(await tab.run("count", collection, 5)).toBe(2);
    expect(await tab.run("remove", at("a"))).toBe("ok");
    expect(await tab.run("batch", { [at("b")]: { n: 3 } }, [at("c")])).toBe("ok");
    expect(await tab.run("get", at("a"))).toBeNull();
    expect(await tab.run("list", collection)).toEqual(["b"]);
  });

  test("a transaction that another one overtakes is repeated", async () => {
    await tab.run("set", at("t"), { n: 0 });
    const outcomes = await Promise.all([1, 2, 3].map(() => tab.run("transact", at("t"))));
    expect(outcomes).toEqual(["ok", "ok", "ok"]);
    expect(server.read(at("t"))?.fields["n"]).toEqual({ integerValue: "3" });
  });

  test("a listener sees its own writes at once, and then their confirmation", async () => {
    await tab.run("watchDocument", "own", at("w"), true);
    await seenUntil(tab, "own", confirmed("-"));
    await tab.run("set", at("w"), { n: 1 });
    await tab.run("add", at("w"), 1);
    await tab.run("remove", at("w"));
    const { seen } = await tab.watched("own");
    expect(seen.map(brief).filter((each, index, all) => each !== all[index - 1])).toEqual([
      "-",
      "1*",
      "1",
      "2*",
      "2",
      "-",
    ]);
  });

  test("a listener of a query sees what comes in, changes and leaves", async () => {
    const path = `${collection}-query`;
    await tab.run("watchQuery", "query", path, 5);
    const latest = async (): Promise<unknown> => (await tab.watched("query")).seen.at(-1)?.values;
    await expect.poll(latest).toEqual({});
    const other = await browser.open(connection());
    for (const [id, n, expected] of [
      ["a", 7, { a: 7 }],
      ["b", 1, { a: 7 }],
      ["c", 5, { a: 7, c: 5 }],
      ["a", 8, { a: 8, c: 5 }],
      ["c", 4, { a: 8 }],
    ] as const) {
      expect(await other.run("set", `${path}/${id}`, { n })).toBe("ok");
      await expect.poll(latest).toEqual(expected);
    }
    await other.run("remove", `${path}/a`);
    await expect.poll(latest).toEqual({});
    await other.page.close();
  });

  test("what the rules refuse is permission-denied: writes, reads, transactions and listeners", async () => {
    expect(await tab.run("set", "sealed/a", { n: 1 })).toBe("permission-denied");
    expect(await tab.run("remove", "sealed/a")).toBe("permission-denied");
    expect(await tab.run("readOutcome", "sealed/a")).toBe("permission-denied");
    expect(await tab.run("transact", "sealed/a")).toBe("permission-denied");
    await tab.run("watchDocument", "sealed", "sealed/a");
    await tab.run("watchQuery", "sealed", "sealed");
    await expect
      .poll(async () => (await tab.watched("sealed")).errors)
      .toEqual(["permission-denied", "permission-denied"]);
    // Neither of them did harm to the channel.
    expect(await tab.run("set", at("after"), { n: 1 })).toBe("ok");
  });
});

test("without a token a page may do what anybody may", async () => {
  const { token: _none, ...anonymous } = connection();
  const tab = await browser.open(anonymous);
  expect(await tab.run("set", "public/a", { n: 1 })).toBe("ok");
  expect(await tab.run("readOutcome", "public/a")).toBe("ok");
  expect(await tab.run("set", "private/a", { n: 1 })).toBe("permission-denied");
  expect(await tab.run("readOutcome", "private/a")).toBe("permission-denied");
  await tab.page.close();
});

test("with a token that is not believed a page may do nothing, not even what anybody may", async () => {
  const tab = await browser.open(connection({ token: "nonsense" }));
  expect(await tab.run("countOutcome", "public")).toBe("unauthenticated");
  await tab.page.close();
});

/** A browser opens six connections to one host: more tabs than that have to take turns. */
test("sixteen tabs of one browser see every change, and each can write", async () => {
  const tabs = await Promise.all(Array.from({ length: 16 }, () => browser.open(connection())));
  const everyoneSees = async (n: number | undefined): Promise<void> => {
    const isThere = ({ values, isFromCache }: Seen): boolean => !isFromCache && values["a"] === n;
    await Promise.all(tabs.map((tab) => seenUntil(tab, "shared", isThere)));
  };
  await Promise.all(tabs.map((tab) => tab.run("watchDocument", "shared", "shared/a")));
  await everyoneSees(undefined);
  for (const [n, tab] of [tabs[0], tabs[8], tabs[15]].entries()) {
    expect(await tab?.run("set", "shared/a", { n })).toBe("ok");
    await everyoneSees(n);
  }
  await Promise.all(tabs.map((tab) => tab.page.close()));
});

test("tabs that call the server by a name each do not share connections, so nobody waits", async () => {
  const tabs = await Promise.all(
    Array.from({ length: 15 }, (_, index) =>
      browser.open(connection({ host: `tab-${index}.localhost` })),
    ),
  );
  await Promise.all(tabs.map((tab) => tab.run("watchDocument", "named", "shared/b")));
  for (const [n, tab] of tabs.entries()) {
    expect(await tab.run("set", "shared/b", { n })).toBe("ok");
    const isThere = ({ values }: Seen): boolean => values["b"] === n;
    await Promise.all(tabs.map((each) => seenUntil(each, "named", isThere)));
  }
  await Promise.all(tabs.map((tab) => tab.page.close()));
});
