/** Listens with Google's own clients and keeps what comes. */
import { serverClient, webClient } from "../../../../local/src/firestore/testing/signed-client.ts";
import { PROJECT_ID } from "../../firestore-world.ts";

/** What a listener can be on. */
export interface Followed {
  readonly path: string;
  /** For a collection: only documents of this team; absent = a document, or everything below one. */
  readonly teamId?: string;
}

export interface Follower {
  /** `createdBy`, or else the id, of what was shown, snapshot by snapshot. */
  readonly shown: string[][];
  /** Why it ended. */
  readonly errors: string[];
  stop(): Promise<void>;
}

interface Shown {
  readonly id: string;
  get(field: string): unknown;
}

function labelOf(document: Shown): string {
  const createdBy = document.get("createdBy");
  return typeof createdBy === "string" ? createdBy : document.id;
}

type Follow = (address: string, token: string, followed: Followed) => Follower;

function isDocument({ path }: Followed): boolean {
  return path.split("/").length % 2 === 0;
}

interface Kept extends Pick<Follower, "shown" | "errors"> {
  readonly show: (documents: readonly Shown[]) => void;
  readonly fail: (error: Error) => void;
}

function kept(): Kept {
  const shown: string[][] = [];
  const errors: string[] = [];
  return {
    shown,
    errors,
    show: (documents) => shown.push(documents.map(labelOf).toSorted()),
    fail: (error) => errors.push(error.message),
  };
}

const withServerClient: Follow = (address, token, followed) => {
  const store = serverClient(PROJECT_ID, address, token);
  const { show, fail, ...rest } = kept();
  const { path, teamId } = followed;
  const stop = isDocument(followed)
    ? store.doc(path).onSnapshot((document) => show(document.exists ? [document] : []), fail)
    : (teamId === undefined
        ? store.collection(path)
        : store.collection(path).where("teamId", "==", teamId)
      ).onSnapshot((found) => show(found.docs), fail);
  return {
    ...rest,
    async stop() {
      stop();
      await store.terminate();
    },
  };
};

const withWebClient: Follow = (address, token, followed) => {
  const { sdk, store, close } = webClient(PROJECT_ID, address, token);
  const { show, fail, ...rest } = kept();
  const { path, teamId } = followed;
  const filters = teamId === undefined ? [] : [sdk.where("teamId", "==", teamId)];
  const stop = isDocument(followed)
    ? sdk.onSnapshot(
        sdk.doc(store, path),
        (document) => show(document.exists() ? [document] : []),
        fail,
      )
    : sdk.onSnapshot(
        sdk.query(sdk.collection(store, path), ...filters),
        (found) => show(found.docs),
        fail,
      );
  return {
    ...rest,
    async stop() {
      stop();
      await close();
    },
  };
};

export const FOLLOWS: readonly { readonly name: string; readonly follow: Follow }[] = [
  { name: "client for servers", follow: withServerClient },
  { name: "client for browsers", follow: withWebClient },
];
