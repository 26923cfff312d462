/**
 * Puts a static site where gateways find it: the files of its image into the bucket, its manifest last, and then its entry
 * in the catalogue. Repeated, it goes on where an earlier call was cut off; once the manifest is there, nothing is left to
 * do but to say so.
 */
import type { StaticConfig } from "@bifrost/shared/app-config/app-config";
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { ImageDigest } from "@bifrost/shared/domain/ids";
import {
  manifestName,
  siteFolder,
  type SiteFile,
  type SiteManifest,
  type SitePlace,
} from "@bifrost/shared/domain/site-manifest";
import { telemetryToken } from "@bifrost/shared/domain/telemetry-token";
import type { ObjectStore } from "@bifrost/shared/ports/object-store";
import type { Ports } from "../ports.ts";
import { surveyFiles } from "./survey-files.ts";
import { uploadFiles } from "./upload-files.ts";

type Needs = Pick<Ports, "objects" | "sites" | "imageFiles" | "config" | "log">;

export function placeOf({ id, projectId }: Pick<Deployment, "id" | "projectId">): SitePlace {
  return { projectId, deploymentId: id };
}

export async function publishSite(
  ports: Needs,
  deployment: Deployment,
  config: StaticConfig,
): Promise<void> {
  const { id, imageDigest } = deployment;
  if (imageDigest === null) throw new BifrostError("not-ready", "the deployment has no image yet");
  const place = placeOf(deployment);
  // Noted first, so that whatever is written is known to those who clean up.
  await ports.sites.begin(place, telemetryToken(ports.config.telemetrySecret, id));
  const objects = await ports.objects();
  const bucket = ports.config.siteBucket;
  const held = await objects.list(bucket, siteFolder(place));
  const stored = new Map(held.map(({ name, size }) => [name, size]));
  const manifest = manifestName(place);
  if (!stored.has(manifest)) {
    const files = await storeFiles(ports, objects, deployment, imageDigest, stored);
    const content: SiteManifest = { version: 1, spa: config.static.spa, files };
    await objects.put(bucket, manifest, new Blob([JSON.stringify(content)]).stream());
    ports.log.info("static site published", { deploymentId: id, files: files.length });
  }
  await ports.sites.publish(id);
}

async function storeFiles(
  ports: Needs,
  objects: ObjectStore,
  deployment: Deployment,
  digest: ImageDigest,
  stored: ReadonlyMap<string, number>,
): Promise<readonly SiteFile[]> {
  const read = () => ports.imageFiles.read(deployment.projectId, digest);
  const surveyed = await surveyFiles(read());
  const to = { objects, bucket: ports.config.siteBucket, place: placeOf(deployment) };
  return uploadFiles(to, surveyed, read(), stored);
}
