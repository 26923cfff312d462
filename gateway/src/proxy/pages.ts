/** The answers the gateway gives itself, in words for a person or as problem+json for a program. */
import { STATUS_CODES } from "node:http";
import type { HeaderEdit } from "../policies/policy-chain.ts";

export type PageKind =
  | "bad-request"
  | "ambiguous-path"
  | "request-too-large"
  | "target-too-long"
  | "expectation-failed"
  | "policy-failed"
  | "starting"
  | "unknown-host"
  | "no-release"
  | "no-backend"
  | "overloaded"
  | "upstream-failed"
  | "upstream-timeout"
  | "request-timeout";

interface PageText {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
  readonly retryAfterSeconds: number | null;
}

const PAGES: Readonly<Record<PageKind, PageText>> = {
  "bad-request": {
    status: 400,
    title: "Bad request",
    detail: "The request is not valid HTTP/1.1.",
    retryAfterSeconds: null,
  },
  "ambiguous-path": {
    status: 400,
    title: "Ambiguous path",
    detail:
      "Apps read this path in different ways: it has a .., a #, a broken % escape or an escaped separator. Ask for the path that is meant.",
    retryAfterSeconds: null,
  },
  "request-too-large": {
    status: 413,
    title: "The request is too large",
    detail: "Its body is larger than is accepted here.",
    retryAfterSeconds: null,
  },
  "target-too-long": {
    status: 414,
    title: "The address is too long",
    detail: "The request target is longer than is accepted here.",
    retryAfterSeconds: null,
  },
  "expectation-failed": {
    status: 417,
    title: "The expectation cannot be met",
    detail: "The only expectation that can be met here is 100-continue.",
    retryAfterSeconds: null,
  },
  "policy-failed": {
    status: 500,
    title: "A policy failed",
    detail:
      "A policy of this route failed, so it could not be decided whether to let the request through.",
    retryAfterSeconds: null,
  },
  starting: {
    status: 503,
    title: "The gateway is starting",
    detail: "It does not know all routes and replicas yet; this takes seconds.",
    retryAfterSeconds: 1,
  },
  "unknown-host": {
    status: 404,
    title: "Nothing is served here",
    detail: "No project has this host name. Check the address for a typing error.",
    retryAfterSeconds: null,
  },
  "no-release": {
    status: 503,
    title: "Not deployed yet",
    detail: "The project exists, but none of its deployments has become healthy so far.",
    retryAfterSeconds: 5,
  },
  "no-backend": {
    status: 503,
    title: "No healthy replica",
    detail: "The release is known, but none of its replicas is ready to answer.",
    retryAfterSeconds: 2,
  },
  overloaded: {
    status: 503,
    title: "Too busy",
    detail: "Every replica already has as many connections as it may have.",
    retryAfterSeconds: 1,
  },
  "upstream-failed": {
    status: 502,
    title: "The app did not answer properly",
    detail: "The connection to the app failed or broke off before a complete answer arrived.",
    retryAfterSeconds: null,
  },
  "upstream-timeout": {
    status: 504,
    title: "The app took too long",
    detail: "The app accepted the request but did not answer in time.",
    retryAfterSeconds: null,
  },
  "request-timeout": {
    status: 408,
    title: "The request took too long",
    detail: "The rest of the request did not arrive in time.",
    retryAfterSeconds: null,
  },
};

export function pageStatus(kind: PageKind): number {
  return PAGES[kind].status;
}

/** What every answer of the gateway's own says of the exchange it belongs to. */
export interface AnswerFacts {
  readonly requestId: string;
  readonly isHead: boolean;
  readonly closes: boolean;
}

export interface PageRequest extends AnswerFacts {
  readonly kind: PageKind;
  /** The client's Accept header, "" when there is none. */
  readonly accept: string;
  /** The page's own, or another where the request's fault is known more exactly; and so the detail. */
  readonly status: number;
  readonly detail?: string;
  /** What policies make of its header lines. */
  readonly edit?: HeaderEdit | null | undefined;
}

/** A complete HTTP/1.1 response. Browsers, which name text/html, get a page; all others get problem+json. */
export function renderPage(request: PageRequest): string {
  const page = PAGES[request.kind];
  const { status } = request;
  const detail = request.detail ?? page.detail;
  const isHtml = /\btext\/html\b/i.test(request.accept);
  const type = isHtml ? "text/html; charset=utf-8" : "application/problem+json";
  const retry = page.retryAfterSeconds === null ? "" : `retry-after: ${page.retryAfterSeconds}\r\n`;
  const headers = `content-type: ${type}\r\ncache-control: no-store\r\n${retry}`;
  return renderAnswer({
    ...request,
    status,
    headers: request.edit?.apply(headers) ?? headers,
    body: isHtml
      ? htmlOf(status, page.title, detail, request.requestId)
      : jsonOf(request.kind, status, page.title, detail, request.requestId),
  });
}

/** A complete HTTP/1.1 response of latin1 text; `headers` are lines that each end with CRLF. */
export function renderAnswer(
  answer: AnswerFacts & {
    readonly status: number;
    readonly headers: string;
    readonly body: string;
  },
): string {
  const { status, headers, body, requestId } = answer;
  // RFC 9110, 8.6: no length, and no content, with these.
  const isBare = status === 204 || status === 304;
  const length = isBare ? "" : `content-length: ${body.length}\r\n`;
  const connection = answer.closes ? "close" : "keep-alive";
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Error"}\r\n${headers}${length}x-bifrost-request-id: ${requestId}\r\nconnection: ${connection}\r\n\r\n`;
  return isBare || answer.isHead ? head : head + body;
}

/** All text is ours and plain ASCII, so nothing needs escaping and latin1 is UTF-8. */
function htmlOf(status: number, title: string, detail: string, requestId: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${status} ${title}</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 18vh auto; padding: 0 1rem; }
  small { color: GrayText; } :root { color-scheme: light dark; }
</style>
<h1>${title}</h1>
<p>${detail}</p>
<p><small>${status} &middot; request ${requestId}</small></p>
</html>
`;
}

function jsonOf(
  kind: PageKind,
  status: number,
  title: string,
  detail: string,
  requestId: string,
): string {
  return `${JSON.stringify({ type: "about:blank", code: kind, title, status, detail, requestId })}\n`;
}
