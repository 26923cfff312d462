/** `ETag` and `If-Match`: who changes what they have read learns that somebody else was faster. */
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Versioned } from "@bifrost/shared/ports/deployment-store";

export function entityTag({ version }: Versioned<unknown>): string {
  return `"${version}"`;
}

/** `header`: the request's If-Match; without one everything matches. */
export function requireMatch(header: string | undefined, current: Versioned<unknown>): void {
  if (header === undefined || header.trim() === "*") return;
  const tags = header.split(",").map((tag) => tag.trim());
  if (tags.includes(entityTag(current))) return;
  throw new BifrostError(
    "precondition-failed",
    `it was changed since ${header} was read; read it again and repeat the change`,
    { current: entityTag(current) },
  );
}
