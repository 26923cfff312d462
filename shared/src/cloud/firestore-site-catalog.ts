/** `sites/{deploymentId}`, written by functions as their own principals and so bound by the security rules. */
import { isBifrostError } from "../domain/errors.ts";
import type { CatalogedSite, SiteCatalog } from "../ports/site-catalog.ts";
import type { FirestoreRest, RestDocument } from "./firestore-rest.ts";

export const SITES = "sites";

/** Far more than the releases that are kept at any time. */
const MOST_SITES = 10_000;

export function firestoreSiteCatalog(store: FirestoreRest): SiteCatalog {
  return {
    async read(id) {
      const found = await store.get(`${SITES}/${id}`);
      return found === null ? null : siteIn(found);
    },
    async begin({ deploymentId, projectId }, probeToken) {
      const fields = { projectId, probeToken, isPublished: false };
      const must = { exists: false };
      try {
        await store.commit([{ set: `${SITES}/${deploymentId}`, fields, must }]);
      } catch (error) {
        if (!isBifrostError(error, "already-exists")) throw error;
      }
    },
    async publish(id) {
      const must = { exists: true };
      const fields = { isPublished: true };
      await store.commit([{ set: `${SITES}/${id}`, fields, merge: true, must }]);
    },
    async remove(id) {
      await store.commit([{ delete: `${SITES}/${id}` }]);
    },
    async list() {
      const found = await store.query("", { from: [{ collectionId: SITES }], limit: MOST_SITES });
      return found.map(siteIn);
    },
  };
}

function siteIn({ path, fields }: RestDocument): CatalogedSite {
  return {
    deploymentId: path.slice(path.lastIndexOf("/") + 1),
    projectId: String(fields["projectId"]),
    isPublished: fields["isPublished"] === true,
  };
}
