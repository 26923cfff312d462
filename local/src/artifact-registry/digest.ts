import { createHash } from "node:crypto";
import { RegistryError } from "./registry-error.ts";

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** `sha256:` and the lower-case hex hash of `bytes`. */
export function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}

/** The hex part of a digest. Throws DIGEST_INVALID for any other algorithm or shape. */
export function hexOf(digest: string): string {
  if (!isDigest(digest)) {
    throw new RegistryError(
      "DIGEST_INVALID",
      `digest "${digest.slice(0, 100)}" is not sha256: followed by 64 lower-case hex digits`,
    );
  }
  return digest.slice("sha256:".length);
}
