/**
 * Downloads from Cloud Storage for those who are waited for. Not through its client, which tries again for most of a
 * minute, does not close the connection of a download that is given up before its first byte, and takes a while to load.
 */
import { BifrostError } from "../domain/errors.ts";
import type { ByteRange, ObjectReader } from "../ports/object-store.ts";

export interface StorageReaderOptions {
  /** Another server than Google's, which asks for no token; null in production. */
  readonly endpoint: string | null;
}

const GOOGLE = "https://storage.googleapis.com";
const SCOPE = "https://www.googleapis.com/auth/devstorage.read_only";

export function storageReader({ endpoint }: StorageReaderOptions): ObjectReader {
  const authorization = endpoint === null ? googleAuthorization() : async () => ({});
  return {
    async stream(bucket, name, range, signal) {
      const url = `${endpoint ?? GOOGLE}/storage/v1/b/${bucket}/o/${encodeURIComponent(name)}?alt=media`;
      const headers = {
        // The bytes as they are stored.
        "accept-encoding": "identity",
        ...(await authorization()),
        ...rangeHeader(range),
      };
      const response = await fetch(url, { headers, signal });
      const isWanted = response.status === (range === null ? 200 : 206);
      if (isWanted && response.body !== null) return response.body;
      await response.body?.cancel();
      if (response.status === 404) return null;
      const message = `Cloud Storage answered ${response.status} for ${name}`;
      throw new BifrostError("upstream-unavailable", message, { bucket, name });
    },
  };
}

function rangeHeader(range: ByteRange | null): Readonly<Record<string, string>> {
  return range === null ? {} : { range: `bytes=${range.start}-${range.end}` };
}

/** Tokens are kept for as long as they hold. */
function googleAuthorization(): () => Promise<Readonly<Record<string, string>>> {
  let loading: Promise<{ getAccessToken(): Promise<string | null | undefined> }> | null = null;
  return async () => {
    loading ??= import("google-auth-library").then(
      ({ GoogleAuth }) => new GoogleAuth({ scopes: [SCOPE] }),
    );
    const token = await (await loading).getAccessToken();
    return { authorization: `Bearer ${token ?? ""}` };
  };
}
