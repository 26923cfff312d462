/** What a page sees when its connections, its server or its own time are taken away: every state once, the last one always. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { systemTimers, type Timers } from "@bifrost/shared/domain/time";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { RunningFirestore } from "../../local/src/firestore/index.ts";
import {
  PROJECT,
  ROOT,
  startTestFirestore,
  temporaryDirectory,
} from "../../local/src/firestore/testing/firestore-fixture.ts";
import { openTcpRelay, type TcpRelay } from "../../local/src/firestore/testing/tcp-relay.ts";
import { endWithTests } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { Browser, chromiumPath, type Tab } from "./chromium.ts";

/** The server waits for its pages a thirtieth as long as it says: a channel is forgotten after 3 s. */
const HURRY = 30;
const hurried: Timers = {
  ...systemTimers,
  after: (delayMs, task) => systemTimers.after(delayMs / HURRY, task),
};

const chromium = chromiumPath();
let browser: Browser;
beforeAll(async () => {
  if (chromium !== undefined) browser = await Browser.start(chromium);
});
afterAll(() => browser?.close());
beforeEach((context) => {
  if (chromium === undefined) context.skip("chromium is not installed");
});

function setting(id: string, n: number): object {
  return { update: { name: `${ROOT}/items/${id}`, fields: { n: { integerValue: n } } } };
}

async function commit(port: number, ...writes: object[]): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/${ROOT}:commit`, {
    method: "POST",
    headers: { authorization: "Bearer owner" },
    body: JSON.stringify({ writes }),
  });
  expect(response.status).toBe(200);
}

/** A page that listens to a counter, and to a query that holds it. */
async function watchingTab(port: number): Promise<Tab> {
  const tab = await browser.open({
    host: "127.0.0.1",
    port,
    projectId: PROJECT,
    token: "user-ada",
  });
  await tab.run("watchDocument", "counter", "items/counter");
  await tab.run("watchQuery", "query", "items", 1);
  return tab;
}

async function untilSeen(tab: Tab, inQuery: Readonly<Record<string, number>>): Promise<void> {
  const { counter } = inQuery;
  for (const [name, values] of Object.entries({ counter: { counter }, query: inQuery })) {
    await until(
      async () => isDeepStrictEqual((await tab.watched(name)).seen.at(-1)?.values, values),
      { what: `${name} to see ${JSON.stringify(values)}`, everyMs: 20 },
    );
  }
}

/** No state is told twice, and the counter, which only ever grows, never goes back. */
async function expectEachStateOnce(tab: Tab): Promise<void> {
  for (const name of ["counter", "query"]) {
    const { seen, errors } = await tab.watched(name);
    expect(errors).toEqual([]);
    const states = seen.map(({ values }) => values);
    const repeated = states.filter((state, index) =>
      states.slice(0, index).some((earlier) => isDeepStrictEqual(earlier, state)),
    );
    expect({ name, states, repeated }).toEqual({ name, states, repeated: [] });
    const counts = states.map(({ counter }) => Number(counter ?? 0));
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
  }
}

describe("when every connection is cut", () => {
  let server: RunningFirestore;
  let relay: TcpRelay;
  beforeEach(async () => {
    server = await startTestFirestore();
    relay = await openTcpRelay(server.port);
  });
  afterEach(async () => {
    await relay.close();
    await server.stop();
  });

  test("again and again under load, each commit is seen", async () => {
    await commit(server.port, setting("counter", 1));
    const tab = await watchingTab(relay.port);
    await untilSeen(tab, { counter: 1 });
    for (let n = 2; n <= 60; n += 1) {
      if (n % 6 === 0) relay.cutAll();
      await commit(server.port, setting("counter", n));
    }
    await untilSeen(tab, { counter: 60 });
    await expectEachStateOnce(tab);
    // The channel outlives its connections, so nothing had to be asked for again.
    const { seen } = await tab.watched("counter");
    expect(seen.map(({ values }) => values["counter"])).toEqual(
      Array.from({ length: 60 }, (_, index) => index + 1),
    );
    await tab.page.close();
  });

  test("while the page writes, each of its writes counts once", async () => {
    await commit(server.port, setting("counter", 1));
    const tab = await watchingTab(relay.port);
    await untilSeen(tab, { counter: 1 });
    const writes: Promise<string>[] = [];
    for (let n = 1; n <= 20; n += 1) {
      writes.push(tab.run("add", "items/counter", 1));
      // The client gives a request three chances before it starts over and can no longer tell what arrived.
      if (n % 7 === 0) relay.cutAll();
      await until(async () => (await tab.watched("counter")).seen.length > n);
    }
    expect(new Set(await Promise.all(writes))).toEqual(new Set(["ok"]));
    expect(server.read("items/counter")?.fields["n"]).toEqual({ integerValue: "21" });
    await untilSeen(tab, { counter: 21 });
    await expectEachStateOnce(tab);
    await tab.page.close();
  });
});

describe("when the server is killed", () => {
  const directory = temporaryDirectory();
  afterAll(() => directory.remove());

  async function serve(port = 0): Promise<{ child: ChildProcess; port: number }> {
    const script = fileURLToPath(new URL("serve-firestore.ts", import.meta.url));
    const args = ["--import", "tsx", script, directory.path, String(port)];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    endWithTests(child);
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    return { child, port: Number(line.toString()) };
  }

  test("and started again, the page goes on by itself, and what it wrote meanwhile arrives", async () => {
    const first = await serve();
    const { port } = first;
    await commit(port, setting("counter", 1), setting("gone", 1), setting("kept", 1));
    const tab = await watchingTab(port);
    await untilSeen(tab, { counter: 1, gone: 1, kept: 1 });
    const exit = once(first.child, "exit");
    first.child.kill("SIGKILL");
    await exit;
    const written = tab.run("set", "items/written", { n: 5 });
    const second = await serve(port);
    await commit(port, setting("counter", 2), { delete: `${ROOT}/items/gone` });
    expect(await written).toBe("ok");
    await untilSeen(tab, { counter: 2, kept: 1, written: 5 });
    await commit(port, setting("counter", 3));
    await untilSeen(tab, { counter: 3, kept: 1, written: 5 });
    await expectEachStateOnce(tab);
    second.child.kill("SIGKILL");
    await tab.page.close();
  });
});

describe("when the page is away for longer than its channel is kept", () => {
  let server: RunningFirestore;
  let relay: TcpRelay;
  let tab: Tab;
  beforeEach(async () => {
    server = await startTestFirestore({ timers: hurried });
    relay = await openTcpRelay(server.port);
    await commit(server.port, setting("counter", 1), setting("gone", 1), setting("kept", 1));
    tab = await watchingTab(relay.port);
    await untilSeen(tab, { counter: 1, gone: 1, kept: 1 });
  });
  afterEach(async () => {
    await tab?.page.close();
    await relay.close();
    await server.stop();
  });

  async function changesWhileAway(): Promise<void> {
    await until(() => server.info()["webChannels"] === 0, { what: "the channel to be forgotten" });
    for (let n = 2; n <= 9; n += 1) await commit(server.port, setting("counter", n));
    await commit(server.port, { delete: `${ROOT}/items/gone` }, setting("new", 4));
  }

  test("because its computer slept, it catches up when it wakes", async () => {
    await browser.whileAsleep(async () => {
      relay.cutAll();
      await changesWhileAway();
    });
    await untilSeen(tab, { counter: 9, kept: 1, new: 4 });
    await expectEachStateOnce(tab);
  });

  test("because it has no network, it catches up when it has one again", async () => {
    const devtools = await tab.page.context().newCDPSession(tab.page);
    const network = { latency: 0, downloadThroughput: -1, uploadThroughput: -1 };
    await devtools.send("Network.emulateNetworkConditions", { ...network, offline: true });
    await changesWhileAway();
    await devtools.send("Network.emulateNetworkConditions", { ...network, offline: false });
    await untilSeen(tab, { counter: 9, kept: 1, new: 4 });
    await expectEachStateOnce(tab);
  });
});
