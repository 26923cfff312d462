/** Accept-Encoding against what is stored (RFC 9110, 12.5.3). */
import {
  SITE_ENCODINGS,
  type SiteEncoding,
  type SiteFile,
} from "@bifrost/shared/domain/site-manifest";

const MEMBER = /^\s*(?<coding>[\w*-]+)\s*(?:;\s*q\s*=\s*(?<quality>[01](?:\.\d{0,3})?)\s*)?$/i;

/**
 * The stored encoding that the client likes best, the smaller one where it likes two alike; null = as it is. A client that
 * refuses even that gets it all the same: an answer it can complain about is of more use than none.
 */
export function chooseEncoding(
  accepted: string | undefined,
  encodings: SiteFile["encodings"],
): SiteEncoding | null {
  if (accepted === undefined) return null;
  const qualities = qualitiesIn(accepted);
  const wanted = (coding: string): number => qualities.get(coding) ?? qualities.get("*") ?? 0;
  let best: SiteEncoding | null = null;
  // Without a word about it the plain form is acceptable, but anything named is liked better.
  let bestQuality = qualities.get("identity") ?? 0;
  for (const encoding of SITE_ENCODINGS) {
    if (encodings[encoding] === undefined) continue;
    const quality =
      encoding === "gzip"
        ? Math.max(wanted("gzip"), qualities.get("x-gzip") ?? 0)
        : wanted(encoding);
    if (quality > bestQuality || (quality === bestQuality && quality > 0 && best === null)) {
      best = encoding;
      bestQuality = quality;
    }
  }
  return best;
}

/** Members that are not well-formed say nothing. */
function qualitiesIn(accepted: string): ReadonlyMap<string, number> {
  const qualities = new Map<string, number>();
  for (const member of accepted.split(",")) {
    const { coding, quality } = MEMBER.exec(member)?.groups ?? {};
    if (coding !== undefined) qualities.set(coding.toLowerCase(), Number(quality ?? 1));
  }
  return qualities;
}
