/**
 * Reads the head of a request. What two parsers could read differently is refused: that is how requests are
 * smuggled past a proxy (RFC 9112, 11.2).
 */
import {
  fieldRules,
  isToken,
  MAX_HEADER_LINES,
  scanHeaders,
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
const TARGET = /^[\x21-\x7e\x80-\xff]+$/;
const VERSION = /^HTTP\/1\.[01]$/;
const ABSOLUTE = /^http:\/\/([^/?#]+)([/?].*)?$/i;
/** A name with an optional port; also bracketed IPv6, which no route has but which is well-formed. */
const AUTHORITY = /^(?:([A-Za-z0-9._-]+)|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?$/;
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

/** `text` is the head as latin1, up to and including the empty line. */
export function parseRequestHead(text: string): RequestHead | HeadError {
  const lineEnd = text.indexOf("\r\n");
  const line = parseRequestLine(text.slice(0, lineEnd));
  if ("problem" in line) return line;
  const block = scanHeaders(text.slice(lineEnd + 2, -2), REQUEST_RULES);
  if (block === null) return refuse("A header line is malformed.");
  if (block.lines > MAX_HEADER_LINES) {
    return refuse(`More than ${MAX_HEADER_LINES} header lines.`, 431);
  }
  const framing = requestFraming(block, line.isHttp10);
  if ("problem" in framing) return framing;
  const target = resolveTarget(line.target, line.method, block);
  if ("problem" in target) return target;
  const intents = intentsOf(block, line.isHttp10);
  if ("problem" in intents) return intents;
  return {
    ...target,
    ...framing,
    ...intents,
    ...passedOn(block, line.isHttp10),
    method: line.method,
    isHttp10: line.isHttp10,
    claims: claimsOf(block),
  };
}

type Intents = Pick<RequestHead, "wantsClose" | "upgrade" | "acceptsTrailers" | "expectsContinue">;

/** What the client wants of the connection beside the request itself. */
function intentsOf({ fields, connection }: HeaderBlock, isHttp10: boolean): Intents | HeadError {
  if (isHttp10) {
    const wantsClose = !connection.has("keep-alive");
    return { wantsClose, upgrade: null, acceptsTrailers: false, expectsContinue: false };
  }
  const expectation = fields.expect?.join(", ").toLowerCase();
  if (expectation !== undefined && expectation !== "100-continue") {
    return refuse("The only expectation that can be met is 100-continue.", 417);
  }
  return {
    wantsClose: connection.has("close"),
    upgrade: connection.has("upgrade") ? upgradeOf(fields.upgrade) : null,
    acceptsTrailers: fields.te !== undefined && tokensOf(fields.te).has("trailers"),
    expectsContinue: expectation !== undefined,
  };
}

/** An expectation of an HTTP/1.0 client is ignored (RFC 9110, 10.1.1), an invalid traceparent starts no trace. */
function passedOn(
  { forwarded, fields }: HeaderBlock,
  isHttp10: boolean,
): Pick<RequestHead, "forwarded" | "traceparent"> {
  const isIgnored = isHttp10 && fields.expect !== undefined;
  const lines = isIgnored ? withoutFields(forwarded, ["expect"]) : forwarded;
  const values = fields.traceparent;
  if (values === undefined) return { forwarded: lines, traceparent: null };
  const [traceparent = ""] = values;
  if (values.length === 1 && isTraceparent(traceparent)) return { forwarded: lines, traceparent };
  return { forwarded: withoutFields(lines, ["traceparent", "tracestate"]), traceparent: null };
}

function claimsOf({ fields }: HeaderBlock): ForwardingClaims {
  const chain = fields["x-forwarded-for"];
  const proto = fields["x-forwarded-proto"];
  if (chain === undefined && proto === undefined) return NO_CLAIMS;
  return { forwardedFor: chain?.join(",") ?? null, forwardedProto: proto?.at(-1) ?? null };
}

function parseRequestLine(
  line: string,
): { method: string; target: string; isHttp10: boolean } | HeadError {
  const parts = line.split(" ");
  const [method = "", target = "", version = ""] = parts;
  if (parts.length !== 3 || !isToken(method) || !TARGET.test(target)) {
    return refuse("The request line is malformed.");
  }
  if (!VERSION.test(version)) {
    return /^HTTP\/\d\.\d$/.test(version)
      ? refuse("Only HTTP/1.0 and HTTP/1.1 are served here.", 505)
      : refuse("The request line is malformed.");
  }
  if (target.length > MAX_TARGET_BYTES) {
    return refuse(`The request target is longer than ${MAX_TARGET_BYTES} bytes.`, 414);
  }
  if (method === "CONNECT") return refuse("CONNECT is not served here.", 501);
  return { method, target, isHttp10: version.endsWith("0") };
}

function requestFraming(
  block: HeaderBlock,
  isHttp10: boolean,
): { contentLength: number; isChunked: boolean } | HeadError {
  const lengths = block.fields["content-length"] ?? [];
  const codings = block.fields["transfer-encoding"] ?? [];
  if (lengths.length > 1) return refuse("More than one Content-Length.");
  if (codings.length === 0) {
    const [length = "0"] = lengths;
    if (!LENGTH.test(length)) return refuse("Content-Length is not a number.");
    return { contentLength: Number(length), isChunked: false };
  }
  if (lengths.length > 0) return refuse("Content-Length together with Transfer-Encoding.");
  if (isHttp10) return refuse("Transfer-Encoding in an HTTP/1.0 request.");
  if (codings.length > 1 || codings[0]?.toLowerCase() !== "chunked") {
    return refuse("The only Transfer-Encoding accepted is chunked.");
  }
  return { contentLength: 0, isChunked: true };
}

/** The authority of an absolute target wins over Host (RFC 9112, 3.2.2); Host must be there once all the same. */
function resolveTarget(
  target: string,
  method: string,
  block: HeaderBlock,
): { target: string; host: string; authority: string } | HeadError {
  const hosts = block.fields.host ?? [];
  if (hosts.length !== 1) return refuse(hosts.length === 0 ? "No Host." : "More than one Host.");
  const [named = ""] = hosts;
  const isOrigin = target.startsWith("/") || (target === "*" && method === "OPTIONS");
  const resolved = isOrigin ? { authority: named, target } : splitAbsolute(target);
  if (resolved === null) return refuse("The request target is neither a path nor an http URL.");
  const host = hostNameOf(resolved.authority);
  return host === null ? refuse("Host is malformed.") : { ...resolved, host };
}

function splitAbsolute(target: string): { authority: string; target: string } | null {
  const [whole, authority = "", rest = "/"] = ABSOLUTE.exec(target) ?? [];
  if (whole === undefined) return null;
  return { authority, target: rest.startsWith("?") ? `/${rest}` : rest };
}

/** `"A.Example.:8080"` → `"a.example"`; null when it is no host at all. */
export function hostNameOf(authority: string): string | null {
  const match = AUTHORITY.exec(authority);
  if (match === null) return null;
  const name = match[1] ?? authority.slice(0, authority.indexOf("]") + 1);
  return name.toLowerCase().replace(/\.$/, "");
}

/** h2c would leave HTTP/1.1 and with it every check made here. */
function upgradeOf([protocol]: readonly string[] = []): string | null {
  return protocol === undefined || /^h2c/i.test(protocol) ? null : protocol;
}
