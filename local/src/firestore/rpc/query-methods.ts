/** Queries, aggregations and the collections below a document. */
import { aggregate, aggregatedPaths, parseAggregations } from "../query/aggregate.ts";
import { Query } from "../query/query.ts";
import { RpcError } from "../rpc-error.ts";
import type { Caller } from "../edge/caller.ts";
import type { StoredDocument } from "../document.ts";
import type { Transaction } from "../store/transactions.ts";
import { compareUtf8 } from "../values/utf8-order.ts";
import { objectAt, optionalCount, optionalString, stringAt, type Json } from "../wire-json.ts";
import type { RpcContext, ServerStreamMethod, UnaryMethod } from "./method.ts";
import { readScope, refusePastReads } from "./read-transaction.ts";

function queryOf(context: RpcContext, request: Json, structuredQuery: unknown): Query {
  const parent = context.database.checkParent(stringAt(request["parent"], "parent"));
  return new Query(parent, objectAt(structuredQuery, "structuredQuery"));
}

function refuseExplain(request: Json): void {
  if (request["explainOptions"] !== undefined)
    throw new RpcError("UNIMPLEMENTED", "explain_options");
}

/**
 * What the query finds, for those who may ask it. A transaction waits for locks, up to a minute, and the permission
 * may go meanwhile: so it is asked for before, that nobody else locks anything, and after.
 */
export async function foundBy(
  context: RpcContext,
  caller: Caller,
  query: Query,
  transaction: Transaction | undefined,
): Promise<StoredDocument[]> {
  if (transaction === undefined) return query.run(context.store.durable);
  const documents = await transaction.query(query);
  context.access.checkList(caller, query);
  return documents;
}

export const runQuery: ServerStreamMethod = async function* run(context, caller, request) {
  refuseExplain(request);
  const query = queryOf(context, request, request["structuredQuery"]);
  context.access.checkList(caller, query);
  context.indexes.check(query);
  const { transaction, isNew } = readScope(context, caller, request);
  if (isNew && transaction !== undefined) yield { transaction: transaction.id };
  const documents = await foundBy(context, caller, query, transaction);
  const readTime = transaction?.readTime ?? context.store.readTime();
  for (const document of documents) yield { document: query.project(document), readTime };
  if (documents.length === 0) yield { readTime };
};

export const runAggregationQuery: ServerStreamMethod = async function* run(
  context,
  caller,
  request,
) {
  refuseExplain(request);
  const aggregation = objectAt(request["structuredAggregationQuery"], "structuredAggregationQuery");
  const query = queryOf(context, request, aggregation["structuredQuery"]);
  const aggregations = parseAggregations(aggregation["aggregations"]);
  context.access.checkList(caller, query);
  context.indexes.check(query, aggregatedPaths(aggregations));
  const { transaction, isNew } = readScope(context, caller, request);
  const documents = await foundBy(context, caller, query, transaction);
  const aggregateFields = aggregate(aggregations, documents);
  const readTime = transaction?.readTime ?? context.store.readTime();
  const result = { result: { aggregateFields }, readTime };
  yield isNew && transaction !== undefined ? { ...result, transaction: transaction.id } : result;
};

/** For the owner only, as in production. */
export const listCollectionIds: UnaryMethod = (context, caller, request) => {
  const parent = context.database.checkParent(stringAt(request["parent"], "parent"));
  if (!caller.isOwner)
    throw new RpcError("PERMISSION_DENIED", "ListCollectionIds is for the owner only.");
  refusePastReads(request);
  const ids = new Set<string>();
  for (const { name } of context.store.durable.under(parent)) {
    ids.add(name.slice(parent.length + 1).split("/", 1)[0] ?? "");
  }
  const after = optionalString(request["pageToken"], "pageToken") ?? "";
  const sorted = [...ids]
    .toSorted(compareUtf8)
    .filter((id) => after === "" || compareUtf8(id, after) > 0);
  const size = optionalCount(request["pageSize"], "pageSize") ?? 0;
  const collectionIds = size === 0 ? sorted : sorted.slice(0, size);
  const last = collectionIds.at(-1);
  const isAll = last === undefined || collectionIds.length === sorted.length;
  return Promise.resolve(isAll ? { collectionIds } : { collectionIds, nextPageToken: last });
};
