/** Commits, transactions and batches. */
import type { Caller } from "../edge/caller.ts";
import { invalid, RpcError, asRpcError } from "../rpc-error.ts";
import type { Transaction } from "../store/transactions.ts";
import {
  listAt,
  objectAt,
  optionalObject,
  optionalString,
  stringAt,
  type Json,
} from "../wire-json.ts";
import { MAX_WRITES, parseWrite, parseWrites } from "../store/write.ts";
import type { RpcContext, UnaryMethod } from "./method.ts";
import { isReadOnly } from "./read-transaction.ts";

function checkDatabase({ database }: RpcContext, request: Json): void {
  database.checkDatabase(optionalString(request["database"], "database"));
}

function openTransaction(
  context: RpcContext,
  caller: Caller,
  request: Json,
): Transaction | undefined {
  const id = optionalString(request["transaction"], "transaction") ?? "";
  return id === "" ? undefined : context.store.transactions.find(id, caller.key);
}

export const commit: UnaryMethod = async (context, caller, request) => {
  checkDatabase(context, request);
  const writes = parseWrites(request["writes"], context.database);
  const transaction = openTransaction(context, caller, request);
  if (transaction?.isReadOnly === true && writes.length > 0) {
    throw invalid("Cannot modify entities in a read-only transaction.");
  }
  const { writeResults, commitTime } = await context.access.commit(caller, writes, transaction);
  return { writeResults, commitTime };
};

export const beginTransaction: UnaryMethod = (context, caller, request) => {
  checkDatabase(context, request);
  const options = optionalObject(request["options"], "options") ?? {};
  const transaction = context.store.transactions.begin(caller.key, isReadOnly(options));
  return Promise.resolve({ transaction: transaction.id });
};

export const rollback: UnaryMethod = (context, caller, request) => {
  checkDatabase(context, request);
  const id = stringAt(request["transaction"], "transaction");
  context.store.transactions.end(context.store.transactions.find(id, caller.key));
  return Promise.resolve({});
};

/** Writes that succeed or fail one by one; refused to callers bound by rules, as in production. */
export const batchWrite: UnaryMethod = async (context, caller, request) => {
  checkDatabase(context, request);
  if (!caller.isOwner) {
    throw new RpcError("PERMISSION_DENIED", "BatchWrite requires administrator credentials.");
  }
  const raw = listAt(request["writes"], "writes");
  if (raw.length > MAX_WRITES) throw invalid(`A batch may hold at most ${MAX_WRITES} writes.`);
  const outcomes = await Promise.all(raw.map((write) => writeAlone(context, caller, write)));
  return {
    writeResults: outcomes.map((outcome) => outcome.result),
    status: outcomes.map((outcome) => outcome.status),
  };
};

async function writeAlone(
  context: RpcContext,
  caller: Caller,
  raw: unknown,
): Promise<{ result: object; status: object }> {
  try {
    const write = parseWrite(objectAt(raw, "writes"), context.database);
    const { writeResults } = await context.access.commit(caller, [write]);
    return { result: writeResults[0] ?? {}, status: {} };
  } catch (error) {
    const { code, message } = asRpcError(error);
    return { result: {}, status: { code, message } };
  }
}
