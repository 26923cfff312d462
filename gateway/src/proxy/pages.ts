/** The answers the gateway gives itself, in words for a person or as problem+json for a program. */
import { STATUS_CODES } from "node:http";
import type { HeaderEdit } from "../policies/policy-chain.ts";
import { dateLine } from "./date-line.ts";
import { CONTENT_SECURITY_POLICY, htmlOf, type PageFacts } from "./page-html.ts";
import { type PageKind, PAGES } from "./page-texts.ts";

export type { PageKind };

export function pageStatus(kind: PageKind): number {
  return PAGES[kind].status;
}

/** What every answer of the gateway's own says of the exchange it belongs to. */
export interface AnswerFacts {
  readonly requestId: string;
  readonly isHead: boolean;
  readonly closes: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
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
  const { status, kind, requestId } = request;
  const page = PAGES[kind];
  const facts = { ...page, status, detail: request.detail ?? page.detail, requestId };
  const isHtml = /\btext\/html\b/i.test(request.accept);
  const type = isHtml
    ? `text/html; charset=utf-8\r\ncontent-security-policy: ${CONTENT_SECURITY_POLICY}`
    : "application/problem+json";
  const retry = page.retryAfterSeconds === null ? "" : `retry-after: ${page.retryAfterSeconds}\r\n`;
  const headers = `content-type: ${type}\r\nx-content-type-options: nosniff\r\ncache-control: no-store\r\nvary: accept\r\n${retry}`;
  return renderAnswer({
    ...request,
    headers: request.edit?.apply(headers) ?? headers,
    body: isHtml ? htmlOf(facts) : jsonOf(kind, facts),
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
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? "Error"}\r\n${headers}${length}${dateLine(answer.now)}x-bifrost-request-id: ${requestId}\r\nconnection: ${connection}\r\n\r\n`;
  return isBare || answer.isHead ? head : head + body;
}

function jsonOf(kind: PageKind, facts: PageFacts): string {
  const { title, status, detail, advice, ownerAdvice, requestId } = facts;
  const words = [detail, advice, ownerAdvice].filter((text) => text !== null).join(" ");
  return `${JSON.stringify({ type: "about:blank", code: kind, title, status, detail: words, requestId })}\n`;
}
