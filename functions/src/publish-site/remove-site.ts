/** Takes a static site away: its manifest first, so that nothing is served in part, and its entry in the catalogue last. */
import { manifestName, siteFolder, type SitePlace } from "@bifrost/shared/domain/site-manifest";
import type { Ports } from "../ports.ts";
import { TaskPool } from "./task-pool.ts";

const PARALLEL_REMOVALS = 16;

/** Nothing there is fine; a call that was cut off is completed by the next. */
export async function removeSite(
  ports: Pick<Ports, "objects" | "sites" | "config">,
  place: SitePlace,
): Promise<void> {
  const objects = await ports.objects();
  const bucket = ports.config.siteBucket;
  await objects.remove(bucket, manifestName(place));
  const pool = new TaskPool(PARALLEL_REMOVALS, Infinity);
  for (const { name } of await objects.list(bucket, siteFolder(place)))
    await pool.begin(0, () => objects.remove(bucket, name));
  await pool.end();
  await ports.sites.remove(place.deploymentId);
}
