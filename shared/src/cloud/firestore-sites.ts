/** The published static sites through a Firestore snapshot listener: releases that answer from files. */
import type { QueryDocumentSnapshot } from "@google-cloud/firestore";
import { manifestName } from "../domain/site-manifest.ts";
import type { BackendSource, BackendTable, ReleaseBackends } from "../ports/backend-source.ts";
import { SITES } from "./firestore-site-catalog.ts";
import { followCollection, type FollowDeps } from "./follow-collection.ts";

const FIELDS = ["projectId", "probeToken", "isPublished"];

export class FirestoreSites implements BackendSource {
  private readonly deps: FollowDeps;

  constructor(deps: FollowDeps) {
    this.deps = deps;
  }

  watch(listener: (table: BackendTable) => void): () => void {
    return followCollection(this.deps, {
      collection: SITES,
      fields: FIELDS,
      onSnapshot: ({ docs }) => listener(new Map(docs.flatMap(releaseIn))),
    });
  }
}

/** None while files are still on their way. */
function releaseIn(document: QueryDocumentSnapshot): readonly [string, ReleaseBackends][] {
  if (document.get("isPublished") !== true) return [];
  const projectId = String(document.get("projectId"));
  const manifest = manifestName({ projectId, deploymentId: document.id });
  const files = { manifest, probeToken: String(document.get("probeToken")) };
  return [[document.id, { projectId, ready: [], files }]];
}
