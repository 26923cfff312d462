/**
 * How long clients may keep a file without asking. A name that carries the hash of its content never means anything
 * else; every other file is asked for again each time, which its tag makes cheap.
 *
 * Calling a name hashed by mistake would show an old file for a year, so only forms that no one types are taken for it:
 * 8 or more lower-case hexadecimal digits (webpack, Parcel, Next.js, Hugo) or 8 of RFC 4648's base32 (esbuild), either
 * with letters as well as digits, set apart by a dot or a hyphen just before the extension.
 */
import { contentTypeOf } from "./content-types.ts";

const HASHED = /[.-](?<hash>[0-9a-f]{8,64}|[A-Z2-7]{8})(?:\.[a-z0-9]+){1,2}$/;

const FOR_EVER = "public, max-age=31536000, immutable";
const ASK_ALWAYS = "public, max-age=0, must-revalidate";

export function cacheControlOf(path: string): string {
  const hash = HASHED.exec(path)?.groups?.["hash"];
  const isHashed = hash !== undefined && /\d/.test(hash) && /[A-Za-z]/.test(hash);
  const isPage = contentTypeOf(path).startsWith("text/html");
  return isHashed && !isPage ? FOR_EVER : ASK_ALWAYS;
}
