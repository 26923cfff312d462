/** An `addTarget` of a Listen call, parsed and checked. */
import { Query } from "../query/query.ts";
import { invalid } from "../rpc-error.ts";
import type { Readable } from "../watch/read-checks.ts";
import { booleanAt, listAt, objectAt, optionalString, stringAt, type Json } from "../wire-json.ts";
import type { RpcContext } from "./method.ts";
import { refusePastReads } from "./read-transaction.ts";

export interface ListenTarget extends Readable {
  readonly id: number;
  readonly isOnce: boolean;
  /** Where the listener stands, as it says; undefined when it begins. */
  readonly resumeToken: string | undefined;
}

const MAX_NAMES = 1000;

/** Throws INVALID_ARGUMENT or UNIMPLEMENTED. */
export function parseTarget(context: RpcContext, raw: Json): ListenTarget {
  return {
    id: targetIdAt(raw["targetId"]),
    isOnce: booleanAt(raw["once"], "once"),
    resumeToken: resumeTokenAt(raw),
    ...readableAt(context, raw),
  };
}

function readableAt({ watches, database }: RpcContext, raw: Json): Readable {
  if (raw["query"] !== undefined) {
    const target = objectAt(raw["query"], "addTarget.query");
    const parent = database.checkParent(stringAt(target["parent"], "addTarget.query.parent"));
    const source = objectAt(target["structuredQuery"], "structuredQuery");
    const key = `${parent}?${JSON.stringify(source)}`;
    return watches.known(key) ?? { key, query: new Query(parent, source), names: [] };
  }
  const documents = objectAt(raw["documents"], "addTarget.documents");
  refusePastReads(documents);
  const list = listAt(documents["documents"], "addTarget.documents");
  if (list.length > MAX_NAMES) throw invalid(`A target may name at most ${MAX_NAMES} documents.`);
  const checked = list.map((name) => database.checkDocument(stringAt(name, "addTarget.documents")));
  const names = [...new Set(checked)];
  // No query's key begins so: a document may be called like the key of a query.
  return { key: `documents\n${names.join("\n")}`, query: undefined, names };
}

/** A bare read time is taken for a token that is too old: the target is told everything. */
function resumeTokenAt(raw: Json): string | undefined {
  const token = optionalString(raw["resumeToken"], "addTarget.resumeToken") ?? "";
  if (token !== "") return token;
  return raw["readTime"] === undefined ? undefined : "";
}

function targetIdAt(raw: unknown): number {
  if (Number.isInteger(raw) && raw !== 0) return Number(raw);
  throw invalid("'addTarget.targetId' must be an integer other than 0.");
}
