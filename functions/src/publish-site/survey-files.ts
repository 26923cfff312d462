/** First pass over a site's files: what there is and what its bytes hash to, within the limits of a site. */
import { createHash } from "node:crypto";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { SITE_LIMITS } from "@bifrost/shared/domain/site-manifest";
import type { ImageFile } from "@bifrost/shared/ports/image-files";

export interface SurveyedFile {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

export interface SurveyLimits {
  readonly files: number;
  readonly bytes: number;
  readonly pathBytes: number;
}

/** Sorted by path. Throws `body-too-large` above a limit and `data-corrupt` for a path that is there twice. */
export async function surveyFiles(
  files: AsyncIterable<ImageFile>,
  limits: SurveyLimits = SITE_LIMITS,
): Promise<readonly SurveyedFile[]> {
  const found = new Map<string, SurveyedFile>();
  let bytes = 0;
  for await (const { path, size, content } of files) {
    bytes += size;
    if (found.size >= limits.files) throw tooLarge(`more than ${limits.files} files`, path);
    if (bytes > limits.bytes) throw tooLarge(`more than ${limits.bytes} bytes`, path);
    if (Buffer.byteLength(path) > limits.pathBytes)
      throw tooLarge(`a path of more than ${limits.pathBytes} bytes`, path);
    if (found.has(path))
      throw new BifrostError("data-corrupt", `the image holds the file "${path}" twice`, { path });
    found.set(path, { path, size, sha256: await hashOf(content) });
  }
  return [...found.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

async function hashOf(content: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of content) hash.update(chunk);
  return hash.digest("hex");
}

function tooLarge(what: string, path: string): BifrostError {
  const message = `the site has ${what} (reached at "${path.slice(0, 200)}"); leave out what is not served`;
  return new BifrostError("body-too-large", message, { path });
}
