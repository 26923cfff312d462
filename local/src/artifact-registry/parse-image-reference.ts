import { BifrostError } from "@bifrost/shared/domain/errors";

export interface ImageReference {
  /** Registry as written, for example `127.0.0.1:5000` or `europe-west1-docker.pkg.dev`. */
  readonly host: string;
  readonly repository: string;
  /** Tag or digest. */
  readonly reference: string;
}

const SHAPE =
  /^([a-z0-9.-]+(?::\d{1,5})?)\/([a-z0-9._/-]+?)(?::([\w][\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$/;

/** Splits `host/repository[:tag][@digest]`; the digest wins over the tag. Throws bad-request. */
export function parseImageReference(text: string): ImageReference {
  const match = SHAPE.exec(text);
  const [, host, repository, tag, digest] = match ?? [];
  const reference = digest ?? tag;
  if (host === undefined || repository === undefined || reference === undefined) {
    throw new BifrostError(
      "bad-request",
      `"${text.slice(0, 200)}" is not an image reference; write HOST/REPOSITORY@sha256:… or HOST/REPOSITORY:TAG`,
    );
  }
  return { host, repository, reference };
}

/** Loopback registries speak plain HTTP, all others HTTPS. */
export function registryUrl(host: string): string {
  const isLoopback = /^(localhost|127\.\d+\.\d+\.\d+)(:|$)/.test(host);
  return `${isLoopback ? "http" : "https"}://${host}`;
}
