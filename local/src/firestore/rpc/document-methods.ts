/** Single documents, alone or by name. */
import { randomBytes } from "node:crypto";
import type { Caller } from "../edge/caller.ts";
import type { StoredDocument } from "../document.ts";
import { projected } from "../query/query.ts";
import { checkId } from "../resource-name.ts";
import { RpcError } from "../rpc-error.ts";
import type { CommitOutcome } from "../store/store.ts";
import type { Transaction } from "../store/transactions.ts";
import { listAt, objectAt, optionalString, stringAt, type Json } from "../wire-json.ts";
import { parseMask, parseWrite } from "../store/write.ts";
import type { RpcContext, ServerStreamMethod, UnaryMethod } from "./method.ts";
import { readScope } from "./read-transaction.ts";

async function readOne(
  context: RpcContext,
  caller: Caller,
  name: string,
  request: Json,
): Promise<StoredDocument | null> {
  const { transaction } = readScope(context, caller, request);
  checkMayLock(context, caller, transaction, [name]);
  const document =
    transaction === undefined ? context.store.durable.get(name) : await transaction.read(name);
  context.access.checkGet(caller, name, document);
  return document;
}

/** A read of a read-write transaction locks the document, which is for those who may read it and for nobody else. */
function checkMayLock(
  { access, store }: RpcContext,
  caller: Caller,
  transaction: Transaction | undefined,
  names: Iterable<string>,
): void {
  if (transaction === undefined || transaction.isReadOnly) return;
  const accessed = new Set<string>();
  for (const name of names) access.checkGet(caller, name, store.durable.get(name), accessed);
}

export function masked(document: StoredDocument, rawMask: unknown): StoredDocument {
  const mask = parseMask(rawMask, "mask");
  return mask === undefined ? document : projected(document, mask);
}

export const getDocument: UnaryMethod = async (context, caller, request) => {
  const name = context.database.checkDocument(stringAt(request["name"], "name"));
  const document = await readOne(context, caller, name, request);
  if (document === null) throw new RpcError("NOT_FOUND", `Document "${name}" not found.`);
  return masked(document, request["mask"]);
};

export const batchGetDocuments: ServerStreamMethod = async function* batchGet(
  context,
  caller,
  request,
) {
  context.database.checkDatabase(optionalString(request["database"], "database"));
  const names = listAt(request["documents"], "documents").map((name) =>
    context.database.checkDocument(stringAt(name, "documents")),
  );
  parseMask(request["mask"], "mask");
  const { transaction, isNew } = readScope(context, caller, request);
  if (isNew && transaction !== undefined) yield { transaction: transaction.id };
  checkMayLock(context, caller, transaction, new Set(names));
  const found: [string, StoredDocument | null][] = [];
  for (const name of new Set(names)) {
    found.push([
      name,
      transaction === undefined ? context.store.durable.get(name) : await transaction.read(name),
    ]);
  }
  // One document that may not be read refuses them all, so nothing is sent before every one is allowed.
  const accessed = new Set<string>();
  for (const [name, document] of found) {
    context.access.checkGet(caller, name, document, accessed);
  }
  const readTime = transaction?.readTime ?? context.store.readTime();
  for (const [name, document] of found) {
    yield document === null
      ? { missing: name, readTime }
      : { found: masked(document, request["mask"]), readTime };
  }
};

function documentAfter(outcome: CommitOutcome, name: string, request: Json): StoredDocument {
  const document = outcome.after.get(name) ?? null;
  if (document === null) throw new RpcError("INTERNAL", `Document "${name}" vanished.`);
  return masked(document, request["mask"]);
}

export const createDocument: UnaryMethod = async (context, caller, request) => {
  const parent = context.database.checkParent(stringAt(request["parent"], "parent"));
  const collection = checkId(stringAt(request["collectionId"], "collectionId"));
  const given = optionalString(request["documentId"], "documentId") ?? "";
  const name = `${parent}/${collection}/${given === "" ? newDocumentId() : checkId(given)}`;
  const { fields } = objectAt(request["document"] ?? {}, "document");
  const write = { update: { name, fields }, currentDocument: { exists: false } };
  const outcome = await context.access.commit(caller, [parseWrite(write, context.database)]);
  return documentAfter(outcome, name, request);
};

export const updateDocument: UnaryMethod = async (context, caller, request) => {
  const { document, updateMask, currentDocument } = request;
  const write = parseWrite(
    { update: document ?? {}, updateMask, currentDocument },
    context.database,
  );
  const outcome = await context.access.commit(caller, [write]);
  return documentAfter(outcome, write.name, request);
};

export const deleteDocument: UnaryMethod = async (context, caller, request) => {
  const { name, currentDocument } = request;
  await context.access.commit(caller, [
    parseWrite({ delete: name ?? "", currentDocument }, context.database),
  ]);
  return {};
};

/** 20 letters and digits, as the clients make them. */
function newDocumentId(): string {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  // 248 = 4 × 62: bytes above it would make some letters likelier.
  const bytes = [...randomBytes(64)].filter((byte) => byte < 248).slice(0, 20);
  return bytes.map((byte) => letters[byte % letters.length]).join("");
}
