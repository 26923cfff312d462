/** `ListDocuments`: the documents of one collection, page by page. */
import type { Caller } from "../edge/caller.ts";
import type { FieldValue, StoredDocument } from "../document.ts";
import { fieldOf } from "../values/field-path.ts";
import { Query } from "../query/query.ts";
import { checkId, compareNames } from "../resource-name.ts";
import { invalid, RpcError } from "../rpc-error.ts";
import {
  booleanAt,
  isObject,
  optionalCount,
  optionalString,
  stringAt,
  type Json,
} from "../wire-json.ts";
import { masked } from "./document-methods.ts";
import type { RpcContext, UnaryMethod } from "./method.ts";
import { foundBy } from "./query-methods.ts";
import { readScope } from "./read-transaction.ts";

const DEFAULT_PAGE = 300;

/** A name that has no document but something below it. */
type ListRow = StoredDocument | { readonly name: string };

export const listDocuments: UnaryMethod = async (context, caller, request) => {
  const parent = context.database.checkParent(stringAt(request["parent"], "parent"));
  const collectionId = checkId(stringAt(request["collectionId"], "collectionId"));
  const orderBy = parseOrderBy(optionalString(request["orderBy"], "orderBy") ?? "");
  const after = parsePageToken(optionalString(request["pageToken"], "pageToken") ?? "");
  const from = { from: [{ collectionId }], orderBy };
  const query = new Query(
    parent,
    after === undefined ? from : { ...from, startAt: { values: after, before: false } },
  );
  const showMissing = booleanAt(request["showMissing"], "showMissing");
  if (showMissing) checkShowMissing(caller, orderBy);
  context.access.checkList(caller, query);
  context.indexes.check(query);
  const { transaction } = readScope(context, caller, request);
  const found = await foundBy(context, caller, query, transaction);
  const rows = showMissing
    ? withMissing(context, `${parent}/${collectionId}`, found, after)
    : found;
  return page(rows, query, request);
};

function checkShowMissing(caller: Caller, orderBy: readonly Json[]): void {
  if (!caller.isOwner)
    throw new RpcError("PERMISSION_DENIED", "showMissing is for the owner only.");
  if (orderBy.length > 0) throw invalid("A list that shows missing documents has no orderBy.");
}

/** `priority desc, __name__ desc`, as the API documents it, to the orders of a StructuredQuery. */
function parseOrderBy(text: string): Json[] {
  if (text.trim() === "") return [];
  return text.split(",").map((part) => {
    const [, fieldPath, direction = "asc"] = /^\s*(\S+?)(?:\s+(asc|desc))?\s*$/i.exec(part) ?? [];
    if (fieldPath === undefined) {
      throw invalid(`'orderBy' is a list such as "priority desc, __name__ desc", found "${part}".`);
    }
    const isDescending = direction.toLowerCase() === "desc";
    return { field: { fieldPath }, direction: isDescending ? "DESCENDING" : "ASCENDING" };
  });
}

function withMissing(
  { store }: RpcContext,
  collection: string,
  found: readonly StoredDocument[],
  after: readonly unknown[] | undefined,
): ListRow[] {
  const rows = new Map<string, ListRow>(found.map((row) => [row.name, row]));
  const [cursor] = after ?? [];
  const last = isObject(cursor) ? String(cursor["referenceValue"]) : "";
  for (const { name } of store.durable.under(collection)) {
    const id = name.slice(collection.length + 1).split("/", 1)[0] ?? "";
    const own = `${collection}/${id}`;
    if (!rows.has(own) && (last === "" || compareNames(own, last) > 0))
      rows.set(own, { name: own });
  }
  return [...rows.values()].toSorted((a, b) => compareNames(a.name, b.name));
}

function page(rows: readonly ListRow[], query: Query, request: Json): object {
  const size = optionalCount(request["pageSize"], "pageSize") ?? 0;
  const shown = rows.slice(0, size === 0 ? DEFAULT_PAGE : size);
  const documents = shown.map((row) => ("fields" in row ? masked(row, request["mask"]) : row));
  const last = shown.at(-1);
  if (last === undefined || shown.length === rows.length) return { documents };
  return { documents, nextPageToken: pageToken(positionOf(last, query)) };
}

/** The values of the sort order at a row, which a cursor continues after. */
function positionOf(row: ListRow, query: Query): FieldValue[] {
  if (!("fields" in row)) return [{ referenceValue: row.name }];
  return query.orders.map(({ path }) => fieldOf(row, path) ?? {});
}

function pageToken(position: readonly FieldValue[]): string {
  return Buffer.from(JSON.stringify(position)).toString("base64url");
}

/** Throws INVALID_ARGUMENT for what pageToken did not write; a cursor checks the values. */
function parsePageToken(token: string): readonly unknown[] | undefined {
  if (token === "") return undefined;
  try {
    const position: unknown = JSON.parse(Buffer.from(token, "base64url").toString());
    if (Array.isArray(position) && position.length > 0) return position;
  } catch {
    // Said below.
  }
  throw invalid("Unknown pageToken: give the nextPageToken of the page before, unchanged.");
}
