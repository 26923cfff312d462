/** The file a request's path names. */
import { extname } from "node:path/posix";
import type { SiteFile } from "@bifrost/shared/domain/site-manifest";

/** A manifest ready to be asked. */
export interface LoadedSite {
  readonly spa: boolean;
  readonly files: ReadonlyMap<string, SiteFile>;
}

export type FoundFile =
  | { readonly kind: "file"; readonly file: SiteFile; readonly status: 200 | 404 }
  /** `location` is relative to the request's own address, whatever prefix of it was stripped on the way here. */
  | { readonly kind: "redirect"; readonly location: string }
  | { readonly kind: "nothing" }
  | { readonly kind: "malformed"; readonly why: string };

const INDEX = "index.html";
const NOT_FOUND = "404.html";

/** `target` is path and query as received, in latin1. */
export function findFile(site: LoadedSite, target: string): FoundFile {
  const query = target.indexOf("?");
  const encoded = query < 0 ? target : target.slice(0, query);
  const path = decode(encoded);
  if (path === null) return { kind: "malformed", why: "The path is not percent-encoded UTF-8." };
  if (path.includes("\0") || path.split(/[/\\]/).includes(".."))
    return {
      kind: "malformed",
      why: "The path holds a NUL or a segment .. that leads out of the site.",
    };
  const name = path.slice(1);
  const isFolder = path.endsWith("/");
  const file = site.files.get(isFolder ? name + INDEX : name);
  if (file !== undefined) return { kind: "file", file, status: 200 };
  if (!isFolder && site.files.has(`${name}/${INDEX}`)) {
    const segment = encoded.slice(encoded.lastIndexOf("/") + 1);
    return { kind: "redirect", location: `./${segment}/${query < 0 ? "" : target.slice(query)}` };
  }
  return fallback(site, name);
}

/** A single-page app answers its page where a page may be meant; a missing script or image stays missing. */
function fallback({ spa, files }: LoadedSite, name: string): FoundFile {
  const isPage = extname(name) === "" || extname(name) === ".html";
  const page = spa && isPage ? files.get(INDEX) : undefined;
  if (page !== undefined) return { kind: "file", file: page, status: 200 };
  const notFound = files.get(NOT_FOUND);
  return notFound === undefined
    ? { kind: "nothing" }
    : { kind: "file", file: notFound, status: 404 };
}

function decode(encoded: string): string | null {
  try {
    return decodeURIComponent(Buffer.from(encoded, "latin1").toString("utf8"));
  } catch {
    return null;
  }
}
