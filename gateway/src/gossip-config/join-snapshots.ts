/** A store's documents and those that came by gossip as one: of each document the newest version wins. */
import type { ConfigDocument, ConfigSnapshot } from "@bifrost/shared/domain/config-document";
import { laterOf, NO_VERSION } from "@bifrost/shared/domain/config-version";

/** By id; deleted ones stay among them. */
export type GossipedDocuments = ReadonlyMap<string, ConfigDocument>;

/** `own` null = the store has not answered yet: what others hold is all there is. */
export function joinSnapshots(
  own: ConfigSnapshot | null,
  gossiped: GossipedDocuments,
): ConfigSnapshot {
  if (own === null) return { documents: gossiped, asOf: newestOf(gossiped) };
  const newer = [...gossiped.values()].filter(
    ({ id, version }) => version > (own.documents.get(id)?.version ?? own.asOf),
  );
  if (newer.length === 0) return own;
  const documents = new Map(own.documents);
  for (const document of newer) documents.set(document.id, document);
  return { documents, asOf: own.asOf };
}

function newestOf(documents: GossipedDocuments): ConfigSnapshot["asOf"] {
  return [...documents.values()].reduce((last, { version }) => laterOf(last, version), NO_VERSION);
}
