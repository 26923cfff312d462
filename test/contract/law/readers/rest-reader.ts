/** Reads over REST, as the product's own functions do and as anybody with curl can. */
import { encodeValue } from "@bifrost/shared/cloud/firestore-values";
import type { Connections } from "../ways.ts";
import { ROOT } from "../writes.ts";
import type { BatchReader, Listed, ListQuery, Sight } from "./reader.ts";

interface WireRow {
  readonly document?: { readonly name: string };
  readonly found?: { readonly name: string };
  readonly missing?: string;
  readonly result?: { readonly aggregateFields: { readonly n: { readonly integerValue: string } } };
}

export function restReader(connections: Connections, token: string | null): BatchReader {
  const ask = async (method: string, path: string, body: object = {}) => {
    const { outcome, body: answer } = await connections.rest(method, path, token, body);
    if (outcome === "PERMISSION_DENIED") return "denied" as const;
    if (outcome !== "OK" && outcome !== "NOT_FOUND") throw new Error(`${path}: ${outcome}`);
    return outcome === "NOT_FOUND" ? null : answer;
  };
  const rows = async (verb: string, body: object): Promise<readonly WireRow[] | "denied"> => {
    const answer = await ask("POST", verb, body);
    return answer === "denied" ? answer : (answer as unknown as readonly WireRow[]);
  };
  const getAll = async (
    paths: readonly string[],
    options: object = {},
  ): Promise<readonly Sight[] | "denied"> => {
    const documents = paths.map((path) => `${ROOT}/${path}`);
    const found = await rows(`${ROOT}:batchGet`, { documents, ...options });
    if (found === "denied") return found;
    const seen = new Set(found.map((row) => row.found?.name));
    return documents.map((name) => (seen.has(name) ? "seen" : "missing"));
  };
  return {
    getAll: (paths) => getAll(paths),
    async get(path) {
      const alone = await ask("GET", `${ROOT}/${path}`);
      const batch = await getAll([path]);
      const within = await getAll([path], { newTransaction: { readOnly: {} } });
      return {
        "REST get": alone === "denied" ? alone : alone === null ? "missing" : "seen",
        "REST batchGet": batch === "denied" ? batch : (batch[0] ?? "missing"),
        "REST transaction": within === "denied" ? within : (within[0] ?? "missing"),
      };
    },
    async list(query) {
      const found = await rows(...runQuery(query));
      const queried: Listed = found === "denied" ? found : pathsOf(found);
      if (query.where !== undefined || query.isGroup === true) return { "REST query": queried };
      const page = await ask("GET", `${ROOT}/${query.collection}`);
      const names = (page === null || page === "denied" ? {} : page) as {
        readonly documents?: readonly { readonly name: string }[];
      };
      const listed = (names.documents ?? []).map((document) => ({ document }));
      return { "REST query": queried, "REST list": page === "denied" ? page : pathsOf(listed) };
    },
    async count(query) {
      const [parent, { structuredQuery }] = runQuery(query);
      const counted = await rows(parent.replace(":runQuery", ":runAggregationQuery"), {
        structuredAggregationQuery: { structuredQuery, aggregations: [{ alias: "n", count: {} }] },
      });
      return counted === "denied"
        ? counted
        : Number(counted[0]?.result?.aggregateFields.n.integerValue);
    },
    async close() {},
  };
}

function pathsOf(rows: readonly WireRow[]): readonly string[] {
  return rows
    .flatMap(({ document }) => (document === undefined ? [] : [document.name]))
    .map((name) => name.slice(ROOT.length + 1))
    .toSorted();
}

const OPERATORS = { "==": "EQUAL", in: "IN" } as const;

function runQuery(query: ListQuery) {
  const { collection, where = [], limit, isGroup = false } = query;
  const slash = collection.lastIndexOf("/");
  const parent = slash < 0 ? ROOT : `${ROOT}/${collection.slice(0, slash)}`;
  const filters = where.map(([fieldPath, operator, value]) => ({
    fieldFilter: { field: { fieldPath }, op: OPERATORS[operator], value: encodeValue(value) },
  }));
  const structuredQuery = {
    from: [{ collectionId: collection.slice(slash + 1), allDescendants: isGroup }],
    ...(filters.length === 0 ? {} : { where: { compositeFilter: { op: "AND", filters } } }),
    ...(limit === undefined ? {} : { limit }),
  };
  return [`${parent}:runQuery`, { structuredQuery }] as const;
}
