/** Reads the head of an upstream's response; null means the upstream does not speak HTTP/1. */
import { fieldRules, scanHeaders, withoutFields, type HeaderBlock } from "./header-block.ts";

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const LENGTH = /^\d{1,15}$/;

const RESPONSE_RULES = fieldRules(["x-bifrost-request-id"]);
/** Of a chunked response a Content-Length is dropped, or the next hop could believe it (RFC 9112, 6.3). */
const CHUNKED_RULES = fieldRules(["x-bifrost-request-id", "content-length"]);
/** An HTTP/1.0 client gets the chunks decoded and the end by close. */
const DECODED_RULES = fieldRules([
  "x-bifrost-request-id",
  "content-length",
  "transfer-encoding",
  "trailer",
]);

export interface ResponseHead {
  readonly status: number;
  /** Code and reason as received, for example `"200 OK"`. */
  readonly statusText: string;
  readonly forwarded: string;
  readonly isChunked: boolean;
  /** null = until the connection closes, unless `isChunked`. */
  readonly contentLength: number | null;
  /** Whether the upstream keeps its connection open after this response. */
  readonly keepsAlive: boolean;
  readonly upgrade: string | null;
}

/** `text` is the head as latin1, up to and including the empty line. */
export function parseResponseHead(text: string, isForHttp10: boolean): ResponseHead | null {
  const lineEnd = text.indexOf("\r\n");
  const line = text.slice(0, lineEnd);
  const match = STATUS_LINE.exec(line);
  const lines = text.slice(lineEnd + 2, -2);
  const block = scanHeaders(lines, RESPONSE_RULES);
  if (match === null || block === null) return null;
  const framing = responseFraming(block);
  const isUpstreamHttp10 = match[1] === "0";
  // HTTP/1.0 knows no codings: who sends one means something else by it (RFC 9112, 6.1).
  if (framing === null || (isUpstreamHttp10 && framing.isChunked)) return null;
  const status = Number(match[2]);
  const forwarded = framing.isChunked ? chunkedBlock(lines, isForHttp10) : block.forwarded;
  return {
    ...framing,
    status,
    statusText: line.slice(9),
    forwarded: isBodiless(status) ? withoutFraming(forwarded, status) : forwarded,
    keepsAlive: isUpstreamHttp10
      ? block.connection.has("keep-alive")
      : !block.connection.has("close"),
    upgrade: block.fields.upgrade?.[0] ?? null,
  };
}

/** Statuses whose responses end with their head, whatever it says (RFC 9112, 6.3). */
export function isBodiless(status: number): boolean {
  return status < 200 || status === 204 || status === 304;
}

/** A next hop that does not know this rule must not wait for a body; the length in a 304 is that of a 200. */
function withoutFraming(forwarded: string, status: number): string {
  const framing = ["transfer-encoding", "trailer", ...(status === 304 ? [] : ["content-length"])];
  return withoutFields(forwarded, framing);
}

function chunkedBlock(lines: string, isForHttp10: boolean): string {
  return scanHeaders(lines, isForHttp10 ? DECODED_RULES : CHUNKED_RULES)?.forwarded ?? "";
}

function responseFraming(
  block: HeaderBlock,
): { isChunked: boolean; contentLength: number | null } | null {
  const codings = block.fields["transfer-encoding"] ?? [];
  if (codings.length > 0) {
    const isChunked = codings.length === 1 && codings[0]?.toLowerCase() === "chunked";
    return isChunked ? { isChunked, contentLength: null } : null;
  }
  const lengths = block.fields["content-length"] ?? [];
  const [length] = lengths;
  if (length === undefined) return { isChunked: false, contentLength: null };
  return lengths.length === 1 && LENGTH.test(length)
    ? { isChunked: false, contentLength: Number(length) }
    : null;
}
