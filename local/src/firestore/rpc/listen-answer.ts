/** What a new target is told first: everything, or, when it comes back, what it missed. */
import type { Caller } from "../edge/caller.ts";
import type { StoredDocument } from "../document.ts";
import type { Store } from "../store/store.ts";
import type { ListenTarget } from "./listen-target.ts";
import type { RpcContext } from "./method.ts";

/** From the first document to CURRENT; the messages are of one moment, so nothing may be awaited between them. */
export function* firstAnswer(
  context: RpcContext,
  caller: Caller,
  target: ListenTarget,
): Iterable<object> {
  const { store } = context;
  const targetIds = [target.id];
  const readTime = store.readTime();
  const missed = target.resumeToken === undefined ? null : missedBy(context.store, target);
  if (missed !== null) yield* catchUp(context, caller, target, missed, readTime);
  else {
    if (target.resumeToken !== undefined)
      yield { targetChange: { targetChangeType: "RESET", targetIds } };
    yield* everything(context, target, readTime);
  }
  const resumeToken = store.resumeToken();
  yield { targetChange: { targetChangeType: "CURRENT", targetIds, resumeToken, readTime } };
}

/** Names of the documents of the target that changed since its token; null when it must be told everything. */
function missedBy(store: Store, { resumeToken, query, names }: ListenTarget): string[] | null {
  const changed = store.changedSince(resumeToken ?? "");
  if (changed === null) return null;
  if (query === undefined) return names.filter((name) => changed.has(name));
  const touched = [...changed].filter((name) => query.selects(name));
  // With a limit or a cursor a document that did not change may have come in or gone out because of one that did.
  return query.isWindowed && touched.length > 0 ? null : touched;
}

function* everything(
  context: RpcContext,
  target: ListenTarget,
  readTime: string,
): Iterable<object> {
  for (const document of context.watches.resultOf(target)) yield shown(target, document);
  for (const name of target.names) {
    if (context.store.durable.get(name) === null) yield deleted(target, name, readTime);
  }
}

/**
 * Ends with the size of the result: a client that counts another number throws away what it has and asks again. So
 * it may stay untold which document left the result, where telling it would name one that the caller may not know of.
 */
function* catchUp(
  { store, access, watches }: RpcContext,
  caller: Caller,
  target: ListenTarget,
  missed: readonly string[],
  readTime: string,
): Iterable<object> {
  for (const name of missed) {
    const document = store.durable.get(name);
    if (document !== null && (target.query?.matches(document) ?? true)) {
      yield shown(target, document);
    } else if (access.mayGet(caller, name, document)) {
      yield document === null
        ? deleted(target, name, readTime)
        : { documentRemove: { document: name, removedTargetIds: [target.id], readTime } };
    }
  }
  yield { filter: { targetId: target.id, count: watches.resultOf(target).length } };
}

function shown({ id, query }: ListenTarget, document: StoredDocument): object {
  return { documentChange: { document: query?.project(document) ?? document, targetIds: [id] } };
}

function deleted({ id }: ListenTarget, name: string, readTime: string): object {
  return { documentDelete: { document: name, readTime, removedTargetIds: [id] } };
}
