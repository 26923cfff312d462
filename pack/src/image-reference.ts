import { PackError } from "./pack-error.ts";

export interface ImageReference {
  /** Base URL of the registry. */
  readonly url: string;
  readonly repository: string;
  /** Tag or digest. */
  readonly reference: string;
}

const SHAPE =
  /^([a-z0-9.-]+(?::\d{1,5})?)\/([a-z0-9._/-]+?)(?::([\w][\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$/;

/** Splits `HOST/REPOSITORY[:TAG][@DIGEST]`; loopback registries speak HTTP, others HTTPS. */
export function parseImageReference(text: string): ImageReference {
  const [, host, repository, tag, digest] = SHAPE.exec(text) ?? [];
  const reference = digest ?? tag;
  if (host === undefined || repository === undefined || reference === undefined) {
    throw new PackError(`"${text.slice(0, 200)}" is not HOST/REPOSITORY:TAG or …@sha256:…`);
  }
  const isLoopback = /^(localhost|127\.\d+\.\d+\.\d+)(:|$)/.test(host);
  return { url: `${isLoopback ? "http" : "https"}://${host}`, repository, reference };
}
