/** Which deployments are static sites with something in the bucket: `sites/{deploymentId}`. */
import type { DeploymentId } from "../domain/ids.ts";
import type { SitePlace } from "../domain/site-manifest.ts";

export interface CatalogedSite extends SitePlace {
  /** Its manifest is there: gateways serve it. */
  readonly isPublished: boolean;
}

export interface SiteCatalog {
  read(id: DeploymentId): Promise<CatalogedSite | null>;
  /** Notes that objects are about to be written; what is noted already stays as it is. `probeToken` lets the platform's own probes past policies. */
  begin(place: SitePlace, probeToken: string): Promise<void>;
  /** Gateways may serve it from now on. Throws `not-found` when it was removed meanwhile. */
  publish(id: DeploymentId): Promise<void>;
  /** Nothing there is fine. */
  remove(id: string): Promise<void>;
  list(): Promise<readonly CatalogedSite[]>;
}
