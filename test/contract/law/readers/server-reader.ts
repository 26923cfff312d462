/** Reads over gRPC with Google's own client for servers. */
import { serverClient } from "../../../../local/src/firestore/testing/signed-client.ts";
import { PROJECT_ID } from "../../firestore-world.ts";
import { type BatchReader, type ListQuery, orDenied, pathsOf, type Sight } from "./reader.ts";

interface Snapshot {
  readonly exists: boolean;
}
const sightOf = ({ exists }: Snapshot): Sight => (exists ? "seen" : "missing");

export function serverReader(address: string, token: string): BatchReader {
  const store = serverClient(PROJECT_ID, address, token);
  const queryOf = ({ collection, where = [], limit, isGroup = false }: ListQuery) => {
    const all = isGroup ? store.collectionGroup(collection) : store.collection(collection);
    const met = where.reduce(
      (query, [field, operator, value]) => query.where(field, operator, value),
      all.offset(0),
    );
    return limit === undefined ? met : met.limit(limit);
  };
  return {
    async get(path) {
      const document = store.doc(path);
      const follow = () =>
        new Promise<Sight>((resolve, reject) => {
          const stop = document.onSnapshot((snapshot) => {
            resolve(sightOf(snapshot));
            stop();
          }, reject);
        });
      return {
        "gRPC get": await orDenied(document.get().then(sightOf)),
        "gRPC listener": await orDenied(follow()),
      };
    },
    getAll: (paths) =>
      orDenied(
        store.getAll(...paths.map((path) => store.doc(path))).then((all) => all.map(sightOf)),
      ),
    async list(query) {
      const follow = () =>
        new Promise<readonly string[]>((resolve, reject) => {
          const stop = queryOf(query).onSnapshot((found) => {
            resolve(pathsOf(found));
            stop();
          }, reject);
        });
      return {
        "gRPC query": await orDenied(queryOf(query).get().then(pathsOf)),
        "gRPC query listener": await orDenied(follow()),
      };
    },
    count: (query) =>
      orDenied(
        queryOf(query)
          .count()
          .get()
          .then((found) => found.data().count),
      ),
    close: () => store.terminate(),
  };
}
