/** The catalogue of static sites in memory. */
import { BifrostError } from "../domain/errors.ts";
import type { SitePlace } from "../domain/site-manifest.ts";
import type { CatalogedSite, SiteCatalog } from "../ports/site-catalog.ts";

export class MemorySiteCatalog implements SiteCatalog {
  readonly #sites = new Map<string, CatalogedSite>();

  async read(id: string): Promise<CatalogedSite | null> {
    return this.#sites.get(id) ?? null;
  }

  async begin(place: SitePlace): Promise<void> {
    if (!this.#sites.has(place.deploymentId))
      this.#sites.set(place.deploymentId, { ...place, isPublished: false });
  }

  async publish(id: string): Promise<void> {
    const site = this.#sites.get(id);
    if (site === undefined) throw new BifrostError("not-found", `${id} is not in the catalogue`);
    this.#sites.set(id, { ...site, isPublished: true });
  }

  async remove(id: string): Promise<void> {
    this.#sites.delete(id);
  }

  async list(): Promise<readonly CatalogedSite[]> {
    return [...this.#sites.values()];
  }
}
