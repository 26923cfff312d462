/** One open watch: replay what was missed, then every change that enters, stays in or leaves the selection. */
import type { ServerResponse } from "node:http";
import type { Kind } from "../objects/kinds.ts";
import type { KubeObject } from "../objects/object.ts";
import { ApiError } from "./api-error.ts";
import type { ObjectStore, StoreEvent } from "./object-store.ts";

export interface Selection {
  readonly kind: Kind;
  readonly namespace: string | undefined;
  matches(object: KubeObject): boolean;
}

/** A client that does not read is cut off instead of filling memory. */
const MAX_BUFFERED_BYTES = 16 * 1024 ** 2;

/** Streams until the client goes or the returned function is called. */
export function streamWatch(
  store: ObjectStore,
  selection: Selection,
  fromVersion: string | null,
  response: ServerResponse,
): () => void {
  response.writeHead(200, { "content-type": "application/json", "cache-control": "no-cache" });
  response.flushHeaders();
  const send = (type: string, object: unknown): void => {
    response.write(`${JSON.stringify({ type, object })}\n`);
    if (response.writableLength > MAX_BUFFERED_BYTES) response.destroy();
  };
  const forward = (event: StoreEvent): void => {
    const seen = seenAs(event, selection);
    if (seen !== undefined) send(seen, event.object);
  };
  const version = Number(fromVersion ?? 0);
  if (version === 0) {
    for (const object of store.list(selection.kind, selection.namespace)) {
      if (selection.matches(object)) send("ADDED", object);
    }
  } else {
    const missed = store.eventsAfter(version);
    if (missed === undefined) {
      const gone = new ApiError("Expired", `too old resource version: ${version}`);
      send("ERROR", gone.toStatus());
      response.end();
      return () => {};
    }
    for (const event of missed) forward(event);
  }
  const unsubscribe = store.subscribe(forward);
  response.on("close", unsubscribe);
  return () => {
    unsubscribe();
    response.end();
  };
}

/** What the change is to someone who sees only the selection. */
export function seenAs(event: StoreEvent, selection: Selection): StoreEvent["type"] | undefined {
  if (event.kind !== selection.kind) return undefined;
  const { namespace } = selection;
  if (namespace !== undefined && event.object.metadata.namespace !== namespace) return undefined;
  const was = event.before !== undefined && selection.matches(event.before);
  if (event.type === "DELETED") return was ? "DELETED" : undefined;
  const is = selection.matches(event.object);
  if (is) return was ? "MODIFIED" : "ADDED";
  return was ? "DELETED" : undefined;
}
