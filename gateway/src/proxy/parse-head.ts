/**
 * Reads the head of a request. What two parsers could read differently is refused: that is how requests are
 * smuggled past a proxy (RFC 9112, 11.2).
 */
import {
  fieldRules,
  MAX_HEADER_LINES,
  scanHeaders,
  TOKEN,
  tokensOf,
  withoutFields,
  type HeaderBlock,
} from "./header-block.ts";
import { isTraceparent } from "./trace-context.ts";

/** Heads above this are refused with 431 (requests) or 502 (responses). */
export const MAX_HEAD_BYTES = 64 * 1024;

/** Longer request targets are refused with 414; RFC 9112, 3, asks for 8000 at least. */
export const MAX_TARGET_BYTES = 8 * 1024;

/** Set by this proxy and therefore never taken from a client. */
const CLIENT_CLAIMS = [
  "host",
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-bifrost-request-id",
];

const REQUEST_RULES = fieldRules(CLIENT_CLAIMS);
const REQUEST_LINE = new RegExp(`^[${TOKEN}]+ [\\x21-\\x7e\\x80-\\xff]+ HTTP/1\\.[01]$`);
const OTHER_VERSION = new RegExp(`^[${TOKEN}]+ [\\x21-\\x7e\\x80-\\xff]+ HTTP/\\d\\.\\d$`);
/** With the blank before it. */
const VERSION_LENGTH = " HTTP/1.1".length;
const ABSOLUTE = /^http:\/\/([^/?#]+)([/?].*)?$/i;
/** A name with an optional port; also bracketed IPv6, which no route has but which is well-formed. */
const AUTHORITY = /^(?:([A-Za-z0-9._-]+)|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?$/;
/** An authority that is the host's name as it stands, as most are. */
const PLAIN_NAME = /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/;
const LENGTH = /^\d{1,15}$/;

export interface RequestHead {
  readonly method: string;
  /** Origin form (`/path?query`) or `*`. */
  readonly target: string;
  readonly isHttp10: boolean;
  /** Host name as routes know it: lower case, no port, no final dot. */
  readonly host: string;
  /** What the client addressed, port included: forwarded as Host. */
  readonly authority: string;
  /** Header lines to forward, without Host and without what this proxy sets. */
  readonly forwarded: string;
  /** Bytes of body; 0 when there is none. Meaningless when `isChunked`. */
  readonly contentLength: number;
  readonly isChunked: boolean;
  /** Whether the client wants the connection closed after the response. */
  readonly wantsClose: boolean;
  /** The protocol asked for by Upgrade, or null. */
  readonly upgrade: string | null;
  /** The client understands trailers and says so. */
  readonly acceptsTrailers: boolean;
  /** The client may hold its body back until it is told to go on. */
  readonly expectsContinue: boolean;
  /** Forwarded as it is; null when there is none or it is invalid, which removes it and `tracestate`. */
  readonly traceparent: string | null;
  /** What a proxy before this one says of the client; believed only of trusted ones, never forwarded. */
  readonly claims: ForwardingClaims;
}

export interface ForwardingClaims {
  readonly forwardedFor: string | null;
  readonly forwardedProto: string | null;
}

const NO_CLAIMS: ForwardingClaims = { forwardedFor: null, forwardedProto: null };

export interface HeadError {
  readonly status: 400 | 413 | 414 | 417 | 431 | 501 | 505;
  /** What is wrong, for the answer's text. */
  readonly problem: string;
}

function refuse(problem: string, status: HeadError["status"] = 400): HeadError {
  return { status, problem };
}

export function isHeadError(head: RequestHead | HeadError): head is HeadError {
  return "problem" in head;
}

/** Is filled in step by step; each step answers what is wrong, or null. */
class ParsedHead implements RequestHead {
  method = "";
  target = "";
  isHttp10 = false;
  host = "";
  authority = "";
  forwarded = "";
  contentLength = 0;
  isChunked = false;
  wantsClose = false;
  upgrade: string | null = null;
  acceptsTrailers = false;
  expectsContinue = false;
  traceparent: string | null = null;
  claims = NO_CLAIMS;
}

/** `text` is the head as latin1, up to and including the empty line. */
export function parseRequestHead(text: string): RequestHead | HeadError {
  const head = new ParsedHead();
  const lineEnd = text.indexOf("\r\n");
  return (
    readRequestLine(head, text.slice(0, lineEnd)) ?? readFields(head, text, lineEnd + 2) ?? head
  );
}

function readFields(head: ParsedHead, text: string, from: number): HeadError | null {
  const block = scanHeaders(text, from, text.length - 2, REQUEST_RULES);
  if (block === null) return refuse("A header line is malformed.");
  if (block.lines > MAX_HEADER_LINES) {
    return refuse(`More than ${MAX_HEADER_LINES} header lines.`, 431);
  }
  readForwarded(head, block);
  return readFraming(head, block) ?? readTarget(head, block) ?? readIntents(head, block);
}

/** What the client wants of the connection beside the request itself. */
function readIntents(head: ParsedHead, { fields, connection }: HeaderBlock): HeadError | null {
  if (head.isHttp10) {
    head.wantsClose = !connection.has("keep-alive");
    return null;
  }
  const expectation = fields.expect?.join(", ").toLowerCase();
  if (expectation !== undefined && expectation !== "100-continue") {
    return refuse("The only expectation that can be met is 100-continue.", 417);
  }
  head.wantsClose = connection.has("close");
  head.upgrade = connection.has("upgrade") ? upgradeOf(fields.upgrade) : null;
  head.acceptsTrailers = fields.te !== undefined && tokensOf(fields.te).has("trailers");
  head.expectsContinue = expectation !== undefined;
  return null;
}

/** An expectation of an HTTP/1.0 client is ignored (RFC 9110, 10.1.1), an invalid traceparent starts no trace. */
function readForwarded(head: ParsedHead, block: HeaderBlock): void {
  const { fields, forwarded } = block;
  const isIgnored = head.isHttp10 && fields.expect !== undefined;
  head.forwarded = isIgnored ? withoutFields(forwarded, ["expect"]) : forwarded;
  head.claims = claimsOf(block);
  const values = fields.traceparent;
  if (values === undefined) return;
  const [traceparent = ""] = values;
  if (values.length === 1 && isTraceparent(traceparent)) head.traceparent = traceparent;
  else head.forwarded = withoutFields(head.forwarded, ["traceparent", "tracestate"]);
}

function claimsOf({ fields }: HeaderBlock): ForwardingClaims {
  const chain = fields["x-forwarded-for"];
  const proto = fields["x-forwarded-proto"];
  if (chain === undefined && proto === undefined) return NO_CLAIMS;
  return { forwardedFor: chain?.join(",") ?? null, forwardedProto: proto?.at(-1) ?? null };
}

function readRequestLine(head: ParsedHead, line: string): HeadError | null {
  if (!REQUEST_LINE.test(line)) return lineProblem(line);
  const methodEnd = line.indexOf(" ");
  head.method = line.slice(0, methodEnd);
  head.target = line.slice(methodEnd + 1, -VERSION_LENGTH);
  head.isHttp10 = line.endsWith("0");
  if (head.target.length > MAX_TARGET_BYTES) {
    return refuse(`The request target is longer than ${MAX_TARGET_BYTES} bytes.`, 414);
  }
  return head.method === "CONNECT" ? refuse("CONNECT is not served here.", 501) : null;
}

function lineProblem(line: string): HeadError {
  return OTHER_VERSION.test(line)
    ? refuse("Only HTTP/1.0 and HTTP/1.1 are served here.", 505)
    : refuse("The request line is malformed.");
}

function readFraming(head: ParsedHead, { fields }: HeaderBlock): HeadError | null {
  const lengths = fields["content-length"];
  const codings = fields["transfer-encoding"];
  if (lengths !== undefined && lengths.length > 1) return refuse("More than one Content-Length.");
  if (codings === undefined) {
    const [length = "0"] = lengths ?? [];
    if (!LENGTH.test(length)) return refuse("Content-Length is not a number.");
    head.contentLength = Number(length);
    return null;
  }
  if (lengths !== undefined) return refuse("Content-Length together with Transfer-Encoding.");
  if (head.isHttp10) return refuse("Transfer-Encoding in an HTTP/1.0 request.");
  if (codings.length > 1 || codings[0]?.toLowerCase() !== "chunked") {
    return refuse("The only Transfer-Encoding accepted is chunked.");
  }
  head.isChunked = true;
  return null;
}

/** The authority of an absolute target wins over Host (RFC 9112, 3.2.2); Host must be there once all the same. */
function readTarget(head: ParsedHead, { fields }: HeaderBlock): HeadError | null {
  const hosts = fields.host ?? [];
  if (hosts.length !== 1) return refuse(hosts.length === 0 ? "No Host." : "More than one Host.");
  head.authority = hosts[0] ?? "";
  const { target, method } = head;
  const isOrigin = target.startsWith("/") || (target === "*" && method === "OPTIONS");
  if (!isOrigin) {
    const absolute = splitAbsolute(target);
    if (absolute === null) return refuse("The request target is neither a path nor an http URL.");
    head.authority = absolute.authority;
    head.target = absolute.target;
  }
  const host = hostNameOf(head.authority);
  if (host === null) return refuse("Host is malformed.");
  head.host = host;
  return null;
}

function splitAbsolute(target: string): { authority: string; target: string } | null {
  const [whole, authority = "", rest = "/"] = ABSOLUTE.exec(target) ?? [];
  if (whole === undefined) return null;
  return { authority, target: rest.startsWith("?") ? `/${rest}` : rest };
}

/** The plain name seen last: where it comes again, the same object saves its check, and its hash in every look-up. */
let lastName = "";

/** `"A.Example.:8080"` → `"a.example"`; null when it is no host at all. */
export function hostNameOf(authority: string): string | null {
  if (authority === lastName && lastName !== "") return lastName;
  if (PLAIN_NAME.test(authority)) {
    lastName = copied(authority);
    return lastName;
  }
  const match = AUTHORITY.exec(authority);
  if (match === null) return null;
  const name = match[1] ?? authority.slice(0, authority.indexOf("]") + 1);
  return name.toLowerCase().replace(/\.$/, "");
}

/** h2c would leave HTTP/1.1 and with it every check made here. */
function upgradeOf([protocol]: readonly string[] = []): string | null {
  return protocol === undefined || /^h2c/i.test(protocol) ? null : protocol;
}

/** Alone: a slice keeps the whole head alive. */
function copied(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}
