/** What the firebase web SDK may rely on; in Node it speaks gRPC. */
import { deleteApp, initializeApp } from "firebase/app";
import {
  arrayRemove,
  arrayUnion,
  average,
  collection,
  collectionGroup,
  connectFirestoreEmulator,
  count,
  deleteDoc,
  deleteField,
  doc,
  documentId,
  endBefore,
  type Firestore,
  getAggregateFromServer,
  getDoc,
  getDocs,
  getFirestore,
  increment,
  limitToLast,
  onSnapshot,
  or,
  orderBy,
  query,
  runTransaction,
  serverTimestamp,
  setDoc,
  startAfter,
  sum,
  terminate,
  Timestamp,
  updateDoc,
  where,
  writeBatch,
} from "firebase/firestore";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { until } from "../testing/firestore-fixture.ts";
import { freshCollection, PROJECT, targetAddress } from "./emulator-target.ts";

let base = "";
beforeEach(() => {
  base = freshCollection();
});

export function webClientContract(): void {
  describe("the web SDK", () => {
    let web: Firestore;
    let close: () => Promise<void>;
    beforeAll(() => {
      const app = initializeApp({ projectId: PROJECT }, "contract");
      web = getFirestore(app);
      const { host, port } = targetAddress();
      // The emulators' administrator; without it the SDK is nobody and bound by whatever rules are loaded.
      connectFirestoreEmulator(web, host, port, { mockUserToken: "owner" });
      close = async () => {
        await terminate(web);
        await deleteApp(app);
      };
    });
    afterAll(() => close());

    const item = (id: string) => doc(web, base, id);

    test("documents are set, merged, updated and deleted", async () => {
      await setDoc(item("a"), { n: 1, map: { x: 1, y: 2 }, list: [1] });
      await setDoc(item("a"), { map: { x: 5 } }, { merge: true });
      await updateDoc(item("a"), {
        "map.y": deleteField(),
        n: increment(2),
        list: arrayUnion(2, 3),
        at: serverTimestamp(),
      });
      await updateDoc(item("a"), { list: arrayRemove(1) });
      const { at, ...rest } = (await getDoc(item("a"))).data() ?? {};
      expect(rest).toEqual({ n: 3, map: { x: 5 }, list: [2, 3] });
      expect(at).toBeInstanceOf(Timestamp);
      await deleteDoc(item("a"));
      expect((await getDoc(item("a"))).exists()).toBe(false);
    });

    test("an update of nothing is refused and undone", async () => {
      await expect(updateDoc(item("none"), { n: 1 })).rejects.toMatchObject({ code: "not-found" });
      expect((await getDoc(item("none"))).exists()).toBe(false);
    });

    test("a batch is applied whole or not at all", async () => {
      const batch = writeBatch(web).set(item("a"), { n: 1 }).update(item("none"), { n: 1 });
      await expect(batch.commit()).rejects.toMatchObject({ code: "not-found" });
      expect((await getDoc(item("a"))).exists()).toBe(false);
    });

    test("writes that are sent without waiting arrive in order", async () => {
      const sent = Array.from({ length: 30 }, (_, n) => setDoc(item("a"), { n }));
      await Promise.all(sent);
      expect((await getDoc(item("a"))).data()).toEqual({ n: 29 });
    });

    test("concurrent transactions lose nothing", async () => {
      await setDoc(item("a"), { n: 0 });
      const move = () =>
        runTransaction(web, async (transaction) => {
          const snapshot = await transaction.get(item("a"));
          transaction.update(item("a"), { n: Number(snapshot.get("n")) + 1 });
        });
      await Promise.all([move(), move(), move()]);
      expect((await getDoc(item("a"))).data()).toEqual({ n: 3 });
    });

    test("queries, with cursors from documents", async () => {
      for (const [n, id] of ["a", "b", "c", "d", "e"].entries())
        await setDoc(item(id), { n: n % 3, id });
      const ids = async (
        ...parts: Parameters<typeof query> extends [unknown, ...infer R] ? R : never
      ) =>
        (await getDocs(query(collection(web, base), ...parts))).docs.map(({ id }) => id).join("");
      expect(await ids(orderBy("n"), orderBy("id", "desc"))).toBe("daebc");
      const start = await getDoc(item("a"));
      expect(await ids(orderBy("n"), startAfter(start))).toBe("dbec");
      expect(await ids(orderBy("n"), endBefore(2), limitToLast(2))).toBe("be");
      expect(await ids(where(documentId(), "in", ["e", "b"]))).toBe("be");
      const either = query(collection(web, base), or(where("n", "==", 2), where("id", "==", "a")));
      expect((await getDocs(either)).docs.map(({ id }) => id).join("")).toBe("ac");
      const group = `parts-${base.split("/")[1]}`;
      await setDoc(doc(web, `${base}/a/${group}/p`), {});
      expect((await getDocs(collectionGroup(web, group))).size).toBe(1);
    });

    test("aggregations read the documents that have every aggregated field", async () => {
      await setDoc(item("a"), { n: 2, m: 1 });
      await setDoc(item("b"), { n: 4, m: "text" });
      await setDoc(item("c"), { n: 6 });
      const asked = { count: count(), sum: sum("n"), mean: average("n"), other: sum("m") };
      const all = await getAggregateFromServer(collection(web, base), asked);
      expect(all.data()).toEqual({ count: 2, sum: 6, mean: 3, other: 1 });
    });

    test("a listener sees its own writes, then the server's answer, and others' writes", async () => {
      const seen: [string, boolean][] = [];
      const stop = onSnapshot(query(collection(web, base), orderBy("n")), (snapshot) => {
        seen.push([snapshot.docs.map(({ id }) => id).join(""), snapshot.metadata.hasPendingWrites]);
      });
      await until(() => seen.length > 0, "the first snapshot");
      await setDoc(item("b"), { n: 2 });
      await setDoc(item("a"), { n: 1 });
      await until(() => seen.at(-1)?.[0] === "ab", "both documents");
      await deleteDoc(item("b"));
      await until(() => seen.at(-1)?.[0] === "a", "the deletion");
      stop();
      expect(seen[0]).toEqual(["", false]);
      expect(seen).toContainEqual(["b", true]);
    });
  });
}
