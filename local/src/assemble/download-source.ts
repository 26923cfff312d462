/** Cloud Build reads sources from Cloud Storage by the same protocol as everyone else. */
import { Readable } from "node:stream";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { StorageSource } from "../cloud-build/build-record.ts";

export async function downloadSource(storageUrl: string, source: StorageSource): Promise<Readable> {
  const { bucket, object, generation } = source;
  const query = new URLSearchParams({ alt: "media", generation });
  const url = `${storageUrl}/storage/v1/b/${bucket}/o/${encodeURIComponent(object)}?${query.toString()}`;
  const response = await fetch(url);
  if (!response.ok || response.body === null) {
    throw new BifrostError("not-found", `source archive ${object} cannot be read`, {
      bucket,
      object,
      status: response.status,
    });
  }
  return Readable.fromWeb(response.body);
}
