/** Routes, projects and settings through Firestore snapshot listeners. */
import type { QueryDocumentSnapshot, Timestamp } from "@google-cloud/firestore";
import type { ConfigDocument, ConfigSnapshot } from "../domain/config-document.ts";
import { configVersion, type ConfigVersion } from "../domain/config-version.ts";
import type { RouteKind } from "../domain/route-table-builder.ts";
import { RouteSchema } from "../domain/route.ts";
import type { ConfigSource } from "../ports/config-source.ts";
import { followCollection, type FollowDeps } from "./follow-collection.ts";

/** A kind is a collection of that name; of projects only what gateways need crosses the network. */
const FIELDS: Readonly<Record<RouteKind, readonly string[]>> = {
  routes: Object.keys(RouteSchema.entries),
  projects: ["teamId", "liveDeploymentId", "formerDeploymentId", "policies"],
  settings: ["policies"],
};

export class FirestoreConfigSource implements ConfigSource<RouteKind> {
  private readonly deps: FollowDeps;

  constructor(deps: FollowDeps) {
    this.deps = deps;
  }

  watch(kind: RouteKind, listener: (snapshot: ConfigSnapshot) => void): () => void {
    return followCollection(this.deps, {
      collection: kind,
      fields: FIELDS[kind],
      onSnapshot: ({ docs, readTime }) =>
        listener({
          documents: new Map(docs.map((one) => [one.id, documentOf(one)])),
          asOf: versionAt(readTime),
        }),
    });
  }
}

function documentOf(found: QueryDocumentSnapshot): ConfigDocument {
  return { id: found.id, version: versionAt(found.updateTime), value: found.data() };
}

/** Firestore's times have microseconds, and no two changes of one document have the same one. */
function versionAt({ seconds, nanoseconds }: Timestamp): ConfigVersion {
  const ms = Math.floor(nanoseconds / 1e6);
  return configVersion(seconds * 1000 + ms, Math.floor((nanoseconds % 1e6) / 1000));
}
