/** Reads the head of an upstream's response; null means the upstream does not speak HTTP/1. */
import { fieldRules, scanHeaders, withoutFields, type HeaderBlock } from "./header-block.ts";

const STATUS_LINE = /^HTTP\/1\.[01] [1-5]\d\d(?: [\t\x20-\x7e\x80-\xff]*)?$/;
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

/**
 * A class and not an object literal: V8 may take to allocating the objects of a literal in the old generation, from where
 * each keeps its head's text alive until the next full collection.
 */
export class ResponseHead {
  status = 0;
  /** Code and reason as received, for example `"200 OK"`. */
  statusText = "";
  forwarded = "";
  isChunked = false;
  /** null = until the connection closes, unless `isChunked`. */
  contentLength: number | null = null;
  /** Whether the upstream keeps its connection open after this response. */
  keepsAlive = false;
  upgrade: string | null = null;
}

/** Of a response whose framing cannot be trusted. */
const NO_FRAMING = -2;
const UNTIL_CLOSE = -1;

/** `text` has the head as latin1, with its empty line up to `end`. */
export function parseResponseHead(
  text: string,
  isForHttp10: boolean,
  end = text.length,
): ResponseHead | null {
  const lineEnd = text.indexOf("\r\n");
  const line = text.slice(0, lineEnd);
  if (!STATUS_LINE.test(line)) return null;
  const lines = { text, from: lineEnd + 2, to: end - 2 };
  const block = scanHeaders(text, lines.from, lines.to, RESPONSE_RULES);
  if (block === null) return null;
  const isUpstreamHttp10 = line.charCodeAt(7) === 48;
  const isChunked = block.fields["transfer-encoding"] !== undefined;
  const contentLength = isChunked ? chunkedLength(block, isUpstreamHttp10) : plainLength(block);
  if (contentLength === NO_FRAMING) return null;
  const { connection } = block;
  const status = Number(line.slice(9, 12));
  const forwarded = isChunked ? chunkedBlock(lines, isForHttp10) : block.forwarded;
  const head = new ResponseHead();
  head.isChunked = isChunked;
  head.contentLength = contentLength === UNTIL_CLOSE ? null : contentLength;
  head.status = status;
  head.statusText = line.slice(9);
  head.forwarded = isBodiless(status) ? withoutFraming(forwarded, status) : forwarded;
  head.keepsAlive = isUpstreamHttp10 ? connection.has("keep-alive") : !connection.has("close");
  head.upgrade = block.fields.upgrade?.[0] ?? null;
  return head;
}

/** A text above this is not worth keeping for what its head may save. */
const MAX_REMEMBERED = 4 * 1024;

/** Of one connection: many a response has the head of the one before it, date included, which is then read already. */
export class ResponseHeads {
  private former = "";
  private head: ResponseHead | null = null;

  /** As parseResponseHead, which says what the arguments are. */
  read(text: string, end: number, isForHttp10: boolean): ResponseHead | null {
    // One for HTTP/1.0 is read in another way.
    if (isForHttp10 || text.length > MAX_REMEMBERED)
      return parseResponseHead(text, isForHttp10, end);
    const lines = text.slice(0, end);
    if (lines === this.former) return this.head;
    this.head = parseResponseHead(text, isForHttp10, end);
    this.former = lines;
    return this.head;
  }
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

function chunkedBlock(
  { text, from, to }: { readonly text: string; readonly from: number; readonly to: number },
  isForHttp10: boolean,
): string {
  const rules = isForHttp10 ? DECODED_RULES : CHUNKED_RULES;
  return scanHeaders(text, from, to, rules)?.forwarded ?? "";
}

/**
 * The body frames itself if chunked is all that was done to it. HTTP/1.0 knows no codings: who sends one means something
 * else by it (RFC 9112, 6.1).
 */
function chunkedLength({ fields }: HeaderBlock, isUpstreamHttp10: boolean): number {
  const codings = fields["transfer-encoding"] ?? [];
  const isKnown =
    !isUpstreamHttp10 && codings.length === 1 && codings[0]?.toLowerCase() === "chunked";
  return isKnown ? UNTIL_CLOSE : NO_FRAMING;
}

function plainLength({ fields }: HeaderBlock): number {
  const lengths = fields["content-length"];
  if (lengths === undefined) return UNTIL_CLOSE;
  const [length = ""] = lengths;
  return lengths.length === 1 && LENGTH.test(length) ? Number(length) : NO_FRAMING;
}
