/** Strong entity tags from the content's hash, and the conditions clients make with them (RFC 9110, 8.8 and 13.1). */
import type { SiteEncoding } from "@bifrost/shared/domain/site-manifest";

/** Each encoding is a representation of its own, so each has a tag of its own. */
export function entityTag(sha256: string, encoding: SiteEncoding | null): string {
  return `"${sha256}${encoding === null ? "" : `-${encoding}`}"`;
}

/** If-None-Match, by weak comparison. */
export function isKnown(header: string | undefined, tag: string): boolean {
  return (
    header !== undefined &&
    listed(header).some((one) => one === "*" || one.replace(/^W\//, "") === tag)
  );
}

/** If-Match, by strong comparison; without the header everything matches. */
export function isExpected(header: string | undefined, tag: string): boolean {
  return header === undefined || listed(header).some((one) => one === "*" || one === tag);
}

/** If-Range, by strong comparison. Files carry no dates, so a date matches nothing. */
export function mayResume(header: string | undefined, tag: string): boolean {
  return header === undefined || header.trim() === tag;
}

/** Tags of ours hold no commas. */
function listed(header: string): readonly string[] {
  return header.split(",").map((one) => one.trim());
}
