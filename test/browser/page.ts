/** What runs in the browser: the unmodified SDK behind a few commands that take and give plain values. */
import { initializeApp } from "firebase/app";
import {
  collection,
  connectFirestoreEmulator,
  deleteDoc,
  doc,
  type DocumentData,
  type Firestore,
  type FirestoreError,
  getCountFromServer,
  getDoc,
  getDocFromServer,
  getDocs,
  increment,
  initializeFirestore,
  memoryLocalCache,
  onSnapshot,
  query,
  type Query,
  runTransaction,
  serverTimestamp,
  setDoc,
  terminate,
  updateDoc,
  where,
  writeBatch,
} from "firebase/firestore";

export interface Connection {
  readonly host: string;
  readonly port: number;
  readonly projectId: string;
  /** Settings of the SDK that choose the transport. */
  readonly transport?: Readonly<Record<string, boolean>>;
  /** Sent as it is; without it the page is anonymous. */
  readonly token?: string;
}

/** One call of a listener. */
export interface Seen {
  /** Values of the field `n`, by document id; a missing document is left out. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly isPending: boolean;
  readonly isFromCache: boolean;
  /** When the page was told, in milliseconds since the epoch with a fraction. */
  readonly atMs: number;
}

/** What a listener was told so far. */
export interface Watch {
  readonly seen: Seen[];
  readonly errors: string[];
}

let database: Firestore | undefined;
const watches = new Map<string, Watch>();

function db(): Firestore {
  if (database === undefined) throw new Error("connect first");
  return database;
}

function watch(name: string): Watch {
  const known = watches.get(name) ?? { seen: [], errors: [] };
  watches.set(name, known);
  return known;
}

function now(): number {
  return performance.timeOrigin + performance.now();
}

/** Documents of a collection whose `n` is at least this; all of them without it. */
function select(path: string, atLeast: number | undefined): Query {
  const all = collection(db(), path);
  return atLeast === undefined ? all : query(all, where("n", ">=", atLeast));
}

/** The error's code, or that there was none. */
async function outcome(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => "ok",
    (error: FirestoreError) => error.code,
  );
}

const commands = {
  connect({ host, port, projectId, transport = {}, token }: Connection): void {
    const app = initializeApp({ projectId, apiKey: "any" });
    database = initializeFirestore(app, { ...transport, localCache: memoryLocalCache() });
    const credentials = token === undefined ? {} : { mockUserToken: token };
    connectFirestoreEmulator(database, host, port, credentials);
  },
  disconnect: () => terminate(db()),
  set: (path: string, data: DocumentData) => outcome(setDoc(doc(db(), path), data)),
  add: (path: string, by: number) => outcome(updateDoc(doc(db(), path), { n: increment(by) })),
  stamp: (path: string) => outcome(updateDoc(doc(db(), path), { at: serverTimestamp() })),
  remove: (path: string) => outcome(deleteDoc(doc(db(), path))),
  get: async (path: string) => (await getDoc(doc(db(), path))).data() ?? null,
  readOutcome: (path: string) => outcome(getDocFromServer(doc(db(), path))),
  countOutcome: (path: string) => outcome(getCountFromServer(collection(db(), path))),
  list: async (path: string, atLeast?: number) =>
    (await getDocs(select(path, atLeast))).docs.map(({ id }) => id),
  count: async (path: string, atLeast?: number) =>
    (await getCountFromServer(select(path, atLeast))).data().count,
  batch(sets: Readonly<Record<string, DocumentData>>, deletes: readonly string[]) {
    const batch = writeBatch(db());
    for (const [path, data] of Object.entries(sets)) batch.set(doc(db(), path), data);
    for (const path of deletes) batch.delete(doc(db(), path));
    return outcome(batch.commit());
  },
  /** Adds 1 to `n` after reading it. */
  transact: (path: string) =>
    outcome(
      runTransaction(db(), async (transaction) => {
        const reference = doc(db(), path);
        const { n } = (await transaction.get(reference)).data() ?? {};
        transaction.set(reference, { n: Number(n ?? 0) + 1 });
      }),
    ),
  watchDocument(name: string, path: string, includeMetadataChanges = false): void {
    const { seen, errors } = watch(name);
    onSnapshot(
      doc(db(), path),
      { includeMetadataChanges },
      (snapshot) =>
        seen.push({
          values: snapshot.exists() ? { [snapshot.id]: snapshot.get("n") } : {},
          isPending: snapshot.metadata.hasPendingWrites,
          isFromCache: snapshot.metadata.fromCache,
          atMs: now(),
        }),
      (error) => errors.push(error.code),
    );
  },
  watchQuery(name: string, path: string, atLeast?: number): void {
    const { seen, errors } = watch(name);
    onSnapshot(
      select(path, atLeast),
      (snapshot) =>
        seen.push({
          values: Object.fromEntries(snapshot.docs.map((each) => [each.id, each.get("n")])),
          isPending: snapshot.metadata.hasPendingWrites,
          isFromCache: snapshot.metadata.fromCache,
          atMs: now(),
        }),
      (error) => errors.push(error.code),
    );
  },
  watched: (name: string): Watch => watch(name),
};

export type Commands = typeof commands;

Object.assign(globalThis, { commands });
