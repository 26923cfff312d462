/** What a static site answers to a request. Pure: from the manifest and the request's head alone. */
import type { SiteEncoding, SiteFile } from "@bifrost/shared/domain/site-manifest";
import type { ByteRange } from "@bifrost/shared/ports/object-store";
import { cacheControlOf } from "./cache-control.ts";
import { chooseEncoding } from "./choose-encoding.ts";
import { contentTypeOf } from "./content-types.ts";
import { entityTag, isExpected, isKnown, mayResume } from "./entity-tag.ts";
import { type FoundFile, findFile, type LoadedSite } from "./find-file.ts";
import { readRange } from "./read-range.ts";

export interface SiteRequest {
  readonly method: string;
  readonly target: string;
  /** `name` is lower case. */
  header(name: string): string | undefined;
}

/** Bytes of one stored object. */
export interface ContentPart {
  readonly sha256: string;
  readonly encoding: SiteEncoding | null;
  /** Of the whole object. */
  readonly size: number;
  readonly range: ByteRange | null;
}

export type SiteAnswer =
  /** Nothing has this name: the gateway's own page says so. */
  | { readonly kind: "nothing" }
  | {
      readonly kind: "answer";
      readonly status: number;
      /** Lines that each end with CRLF, the length of the content included. */
      readonly headers: string;
      /** null = none, with this status or to a HEAD. */
      readonly body: ContentPart | string | null;
    };

export function decideAnswer(site: LoadedSite, request: SiteRequest): SiteAnswer {
  const { method } = request;
  if (method !== "GET" && method !== "HEAD")
    return words(405, "Files answer only to GET and HEAD.", method, "allow: GET, HEAD\r\n");
  const found = findFile(site, request.target);
  if (found.kind === "file") return fileAnswer(found, request);
  if (found.kind === "malformed") return words(400, found.why, method);
  if (found.kind === "nothing") return found;
  const location = `location: ${found.location}\r\n`;
  return words(308, "The folder is one slash further.", method, location);
}

type Found = Extract<FoundFile, { kind: "file" }>;

/** A file in the form that is sent. */
interface Representation {
  readonly file: SiteFile;
  readonly encoding: SiteEncoding | null;
  readonly size: number;
  readonly tag: string;
}

function fileAnswer({ file, status }: Found, request: SiteRequest): SiteAnswer {
  const accepted = request.header("accept-encoding");
  // The page for what is missing is no resource of its own: there is nothing to compare or to resume.
  if (status === 404) return contentAnswer(representationOf(file, accepted), request, { status });
  const range = request.method === "GET" ? request.header("range") : undefined;
  const form = representationOf(file, range === undefined ? accepted : undefined);
  if (!isExpected(request.header("if-match"), form.tag))
    return words(412, "The file is not the one that If-Match names.", request.method);
  if (isKnown(request.header("if-none-match"), form.tag))
    return { kind: "answer", status: 304, headers: cachingLines(form), body: null };
  const verdict = readRange(
    mayResume(request.header("if-range"), form.tag) ? range : undefined,
    form.size,
  );
  if (verdict.kind === "part")
    return contentAnswer(form, request, { status: 206, range: verdict.range });
  if (verdict.kind === "whole") return contentAnswer(form, request, { status });
  const extent = `content-range: bytes */${form.size}\r\n`;
  return words(416, `The file has ${form.size} bytes.`, request.method, extent);
}

function contentAnswer(
  form: Representation,
  { method }: SiteRequest,
  { status, range = null }: { readonly status: number; readonly range?: ByteRange | null },
): SiteAnswer {
  const { file, encoding, size } = form;
  return {
    kind: "answer",
    status,
    headers: cachingLines(form) + contentLines(form, range),
    body: method === "HEAD" ? null : { sha256: file.sha256, encoding, size, range },
  };
}

/** A part is always one of the plain file: what a download is resumed with must not hang on Accept-Encoding. */
function representationOf(file: SiteFile, accepted: string | undefined): Representation {
  const encoding = chooseEncoding(accepted, file.encodings);
  const size = (encoding === null ? undefined : file.encodings[encoding]) ?? file.size;
  return { file, encoding, size, tag: entityTag(file.sha256, encoding) };
}

/** What a 304 repeats. */
function cachingLines({ file, tag }: Representation): string {
  const { br, gzip } = file.encodings;
  const vary = br === undefined && gzip === undefined ? "" : "vary: Accept-Encoding\r\n";
  return `etag: ${tag}\r\ncache-control: ${cacheControlOf(file.path)}\r\n${vary}`;
}

function contentLines({ file, encoding, size }: Representation, part: ByteRange | null): string {
  const length = part === null ? size : part.end - part.start + 1;
  const encoded = encoding === null ? "" : `content-encoding: ${encoding}\r\n`;
  const extent = part === null ? "" : `content-range: bytes ${part.start}-${part.end}/${size}\r\n`;
  return `content-type: ${contentTypeOf(file.path)}\r\nx-content-type-options: nosniff\r\naccept-ranges: bytes\r\ncontent-length: ${length}\r\n${encoded}${extent}`;
}

function words(status: number, text: string, method: string, headers = ""): SiteAnswer {
  const body = `${text}\n`;
  return {
    kind: "answer",
    status,
    headers: `${headers}content-type: text/plain; charset=utf-8\r\ncache-control: no-store\r\ncontent-length: ${body.length}\r\n`,
    body: method === "HEAD" ? null : body,
  };
}
