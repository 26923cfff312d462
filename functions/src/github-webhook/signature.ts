/** GitHub's signature over the raw body. */
import { createHmac, timingSafeEqual } from "node:crypto";

/** Compares in constant time; a header of another shape or length is simply wrong. */
export function hasValidSignature(
  body: Uint8Array,
  header: string | null,
  secret: string,
): boolean {
  const expected = Buffer.from(`sha256=${createHmac("sha256", secret).update(body).digest("hex")}`);
  const found = Buffer.from(header ?? "");
  return found.length === expected.length && timingSafeEqual(found, expected);
}
