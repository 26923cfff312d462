/** Seals refresh tokens; apart from the signing keys, so that a new key signs nobody out. */
import { randomBytes } from "node:crypto";
import { readFileIfPresent, writeFileAtomic } from "../files/atomic-file.ts";
import { BifrostError } from "@bifrost/shared/domain/errors";

const BYTES = 32;

/** Reads the secret at `path`, or makes and stores one (0600); without a path it lives in memory only. */
export function loadRefreshSecret(path: string | undefined): Buffer {
  const stored = path === undefined ? undefined : readFileIfPresent(path);
  if (path !== undefined && stored !== undefined) return parse(stored, path);
  const secret = randomBytes(BYTES);
  if (path !== undefined) writeFileAtomic(path, secret.toString("hex"));
  return secret;
}

function parse(stored: string, path: string): Buffer {
  const secret = Buffer.from(stored.trim(), "hex");
  if (secret.length === BYTES) return secret;
  const message = `${path} holds no secret of ${BYTES} bytes; delete it to have a new one made.`;
  throw new BifrostError("data-corrupt", message, { path });
}
