/** Reads with Google's own client for browsers. */
import { webClient } from "../../../../local/src/firestore/testing/signed-client.ts";
import { PROJECT_ID } from "../../firestore-world.ts";
import { type ListQuery, orDenied, pathsOf, type Reader, type Sight } from "./reader.ts";

function sightOf(snapshot: { exists(): boolean }): Sight {
  return snapshot.exists() ? "seen" : "missing";
}

export function webReader(address: string, token: string): Reader {
  const { sdk, store, close } = webClient(PROJECT_ID, address, token);
  const queryOf = ({ collection, where = [], limit, isGroup = false }: ListQuery) =>
    sdk.query(
      isGroup ? sdk.collectionGroup(store, collection) : sdk.collection(store, collection),
      ...where.map(([field, operator, value]) => sdk.where(field, operator, value)),
      ...(limit === undefined ? [] : [sdk.limit(limit)]),
    );
  return {
    async get(path) {
      const document = sdk.doc(store, path);
      const follow = () =>
        new Promise<Sight>((resolve, reject) => {
          const stop = sdk.onSnapshot(
            document,
            { includeMetadataChanges: true },
            (snapshot) => {
              if (snapshot.metadata.fromCache) return;
              resolve(sightOf(snapshot));
              stop();
            },
            reject,
          );
        });
      return {
        "web get": await orDenied(sdk.getDocFromServer(document).then(sightOf)),
        "web listener": await orDenied(follow()),
      };
    },
    async list(query) {
      const follow = () =>
        new Promise<readonly string[]>((resolve, reject) => {
          const stop = sdk.onSnapshot(
            queryOf(query),
            { includeMetadataChanges: true },
            (found) => {
              if (found.metadata.fromCache) return;
              resolve(pathsOf(found));
              stop();
            },
            reject,
          );
        });
      return {
        "web query": await orDenied(sdk.getDocsFromServer(queryOf(query)).then(pathsOf)),
        "web query listener": await orDenied(follow()),
      };
    },
    count: (query) =>
      orDenied(sdk.getCountFromServer(queryOf(query)).then((found) => found.data().count)),
    close,
  };
}
