/** The unmodified web SDK in Node, where it speaks gRPC. */
import { deleteApp, initializeApp } from "firebase/app";
import {
  collection,
  connectFirestoreEmulator,
  deleteDoc,
  doc,
  type Firestore,
  getCountFromServer,
  getDoc,
  getDocs,
  initializeFirestore,
  onSnapshot,
  query,
  runTransaction,
  setDoc,
  terminate,
  where,
  writeBatch,
} from "firebase/firestore";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { RunningFirestore } from "./index.ts";
import {
  fakeRules,
  placeOf,
  PROJECT,
  startTestFirestore,
  until,
} from "./testing/firestore-fixture.ts";

let server: RunningFirestore;
const opened: Firestore[] = [];
beforeAll(async () => {
  server = await startTestFirestore({
    rules: fakeRules(
      (request) => request.auth?.uid === "ada" && !placeOf(request).includes("/sealed/"),
    ),
  });
});
afterEach(async () => {
  for (const db of opened.splice(0)) {
    await terminate(db);
    await deleteApp(db.app);
  }
});
afterAll(() => server.stop());

/** A client of its own, so that nothing is answered from another one's cache. */
function connect(token?: string): Firestore {
  const app = initializeApp({ projectId: PROJECT, apiKey: "any" }, `client-${opened.length}`);
  const db = initializeFirestore(app, {});
  const credentials = token === undefined ? {} : { mockUserToken: token };
  connectFirestoreEmulator(db, "127.0.0.1", server.port, credentials);
  opened.push(db);
  return db;
}

test("a listener in one client sees what another one writes, adds up in a transaction and removes", async () => {
  const [reader, writer] = [connect("user-ada"), connect("user-ada")];
  const seen: unknown[] = [];
  const stop = onSnapshot(query(collection(reader, "items"), where("n", ">", 0)), (snapshot) => {
    seen.push(Object.fromEntries(snapshot.docs.map((each) => [each.id, each.get("n") as number])));
  });
  const untilSeen = (state: object): Promise<void> =>
    until(() => JSON.stringify(seen.at(-1)) === JSON.stringify(state), JSON.stringify(state));
  await untilSeen({});
  await setDoc(doc(writer, "items/a"), { n: 1, text: "é漢😀\u2028" });
  await untilSeen({ a: 1 });
  expect((await getDoc(doc(reader, "items/a"))).get("text")).toBe("é漢😀\u2028");
  await runTransaction(writer, async (transaction) => {
    const { n } = (await transaction.get(doc(writer, "items/a"))).data() ?? {};
    transaction.update(doc(writer, "items/a"), { n: Number(n) + 1 });
  });
  await untilSeen({ a: 2 });
  await writeBatch(writer)
    .set(doc(writer, "items/b"), { n: 3 })
    .delete(doc(writer, "items/a"))
    .commit();
  await untilSeen({ b: 3 });
  stop();
  expect((await getDocs(collection(writer, "items"))).docs.map(({ id }) => id)).toEqual(["b"]);
  expect((await getCountFromServer(collection(writer, "items"))).data().count).toBe(1);
});

test("what the rules refuse is permission-denied, with a token and without", async () => {
  for (const db of [connect("user-ada"), connect()]) {
    const refused = { code: "permission-denied" };
    await expect(setDoc(doc(db, "sealed/a"), { n: 1 })).rejects.toMatchObject(refused);
    await expect(deleteDoc(doc(db, "sealed/a"))).rejects.toMatchObject(refused);
    await expect(getDoc(doc(db, "sealed/a"))).rejects.toMatchObject(refused);
    const errors: string[] = [];
    onSnapshot(
      collection(db, "sealed"),
      () => undefined,
      ({ code }) => errors.push(code),
    );
    await until(() => errors.length === 1, "the listener is refused");
    expect(errors).toEqual(["permission-denied"]);
  }
  await expect(setDoc(doc(connect(), "items/a"), { n: 1 })).rejects.toMatchObject({
    code: "permission-denied",
  });
});
