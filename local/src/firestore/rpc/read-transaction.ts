/** The transaction a read belongs to: none, an open one, or a new one the read begins. */
import type { Caller } from "../edge/caller.ts";
import { RpcError } from "../rpc-error.ts";
import type { Transaction } from "../store/transactions.ts";
import { objectAt, optionalObject, optionalString, type Json } from "../wire-json.ts";
import type { RpcContext } from "./method.ts";

export interface ReadScope {
  readonly transaction: Transaction | undefined;
  /** Whether the first response must name the transaction. */
  readonly isNew: boolean;
}

export function readScope({ store }: RpcContext, caller: Caller, request: Json): ReadScope {
  refusePastReads(request);
  const options = optionalObject(request["newTransaction"], "newTransaction");
  if (options !== undefined) {
    const transaction = store.transactions.begin(caller.key, isReadOnly(options));
    return { transaction, isNew: true };
  }
  const id = optionalString(request["transaction"], "transaction") ?? "";
  const transaction = id === "" ? undefined : store.transactions.find(id, caller.key);
  return { transaction, isNew: false };
}

/** `TransactionOptions`; absent means read-write. */
export function isReadOnly(options: Json): boolean {
  if (options["readOnly"] === undefined) return false;
  refusePastReads(objectAt(options["readOnly"], "readOnly"));
  return true;
}

/** Old versions are not kept. */
export function refusePastReads(request: Json): void {
  if (request["readTime"] === undefined || request["readTime"] === null) return;
  throw new RpcError("UNIMPLEMENTED", "Reading at a past time (read_time) is not supported.");
}
