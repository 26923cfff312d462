import { Firestore } from "@google-cloud/firestore";
import { deleteApp, initializeApp } from "firebase/app";
import {
  collection,
  connectFirestoreEmulator,
  doc,
  getFirestore,
  onSnapshot,
  query,
  where,
} from "firebase/firestore";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RunningFirestore } from "../index.ts";
import {
  PROJECT,
  ROOT,
  startTestFirestore,
  temporaryDirectory,
  until,
} from "../testing/firestore-fixture.ts";
import { openTcpRelay, type TcpRelay } from "../testing/tcp-relay.ts";

let directory = temporaryDirectory();
let server: RunningFirestore;
let relay: TcpRelay;
const cleanUps: (() => unknown)[] = [];
beforeEach(async () => {
  directory = temporaryDirectory();
  server = await startTestFirestore({ dataDir: directory.path });
  relay = await openTcpRelay(server.port);
});
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
  await relay.close();
  await server.stop();
  directory.remove();
});

/** What a listener showed: the counter of the document, and the counters of the query's result. */
interface Shown {
  readonly document: number[];
  readonly results: string[];
}

const isOdd = (n: number): boolean => n % 2 === 1;

/** Writes counter `n`: into the document, into one that the query finds while `n` is odd, and into one of its own. */
async function write(n: number): Promise<void> {
  const fields = { n: { integerValue: n }, odd: { booleanValue: isOdd(n) } };
  const writes = ["items/counter", "items/sometimes", `items/own${n}`].map((id) => ({
    update: { name: `${ROOT}/${id}`, fields },
  }));
  const response = await fetch(`http://127.0.0.1:${server.port}/v1/${ROOT}:commit`, {
    method: "POST",
    // A connection kept from before a restart would be found dead only by writing to it.
    headers: { authorization: "Bearer owner", connection: "close" },
    body: JSON.stringify({ writes }),
  });
  expect(response.status).toBe(200);
}

const resultOf = (docs: readonly { id: string; get(field: string): unknown }[]): string =>
  docs.map((one) => `${one.id}=${String(one.get("n"))}`).join(" ");

function listenWithServerClient(): Shown {
  const shown: Shown = { document: [], results: [] };
  const db = new Firestore({
    projectId: PROJECT,
    host: `127.0.0.1:${relay.port}`,
    ssl: false,
    customHeaders: { Authorization: "Bearer owner" },
  });
  const ends = [
    db.doc("items/counter").onSnapshot((snapshot) => {
      if (snapshot.exists) shown.document.push(Number(snapshot.get("n")));
    }),
    db
      .collection("items")
      .where("odd", "==", true)
      .onSnapshot((snapshot) => shown.results.push(resultOf(snapshot.docs))),
  ];
  cleanUps.push(() => {
    for (const end of ends) end();
  });
  return shown;
}

function listenWithWebClient(): Shown {
  const shown: Shown = { document: [], results: [] };
  const app = initializeApp({ projectId: PROJECT, apiKey: "unused" }, `recovery${Math.random()}`);
  const db = getFirestore(app);
  connectFirestoreEmulator(db, "127.0.0.1", relay.port, { mockUserToken: "user-ada" });
  const odd = query(collection(db, "items"), where("odd", "==", true));
  const ends = [
    onSnapshot(doc(db, "items/counter"), (snapshot) => {
      if (snapshot.exists()) shown.document.push(Number(snapshot.get("n")));
    }),
    onSnapshot(odd, (snapshot) => shown.results.push(resultOf(snapshot.docs))),
  ];
  cleanUps.push(async () => {
    for (const end of ends) end();
    await deleteApp(app);
  });
  return shown;
}

/** The query's result after counter `n`. */
function resultAfter(n: number): string {
  const own = Array.from({ length: n }, (_, index) => index + 1).filter(isOdd);
  const all = own.map((one) => [`own${one}`, one] as const);
  const shared = isOdd(n)
    ? ([
        ["counter", n],
        ["sometimes", n],
      ] as const)
    : [];
  return [...all, ...shared]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, value]) => `${id}=${value}`)
    .join(" ");
}

const reaches = (shown: Shown, n: number): Promise<void> =>
  until(
    () => shown.document.at(-1) === n && shown.results.at(-1) === resultAfter(n),
    `both listeners show ${n}`,
    20_000,
  );

describe.each([
  ["@google-cloud/firestore", listenWithServerClient],
  ["firebase in Node", listenWithWebClient],
])("a listener of %s", (_, listen) => {
  test("neither loses nor repeats a snapshot when its connections are cut and the store is restarted", async () => {
    const shown = listen();
    await write(1);
    await reaches(shown, 1);
    relay.cutAll();
    await write(2);
    await reaches(shown, 2);
    relay.cutAll();
    await reaches(shown, 2);
    await write(3);
    await write(4);
    await reaches(shown, 4);
    const { port } = server;
    await server.stop();
    server = await startTestFirestore({ dataDir: directory.path, port });
    await write(5);
    await reaches(shown, 5);
    expect(relay.cut).toBeGreaterThan(0);
    expect(shown.document).toEqual([...new Set(shown.document)].toSorted((a, b) => a - b));
    const results = shown.results.filter((one, index) => one !== shown.results[index - 1]);
    expect(shown.results).toEqual(results);
  });
});
