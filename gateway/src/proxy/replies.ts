/** The answers a connection gives without a replica, as one kind of value: a page, a refusal, a policy's or a redirect. */
import type { HeaderEdit } from "../policies/policy-chain.ts";
import { fieldIn } from "./header-block.ts";
import { type AnswerFacts, pageStatus, renderAnswer, renderPage, type PageKind } from "./pages.ts";
import type { HeadError } from "./parse-head.ts";
import type { OwnAnswer } from "./plan-request.ts";
import type { RequestRecord } from "./served.ts";

export interface Reply {
  readonly status: number;
  /** null = no page. */
  readonly page: PageKind | null;
  /** Whether nothing can follow on this connection. */
  readonly closes: boolean;
  /** A complete response; `closes` also for the connection's own reasons. */
  render(record: RequestRecord, facts: Pick<AnswerFacts, "closes" | "now">): string;
}

interface PageOptions {
  readonly status?: number;
  readonly detail?: string;
  readonly closes?: boolean;
  readonly edit?: HeaderEdit | null | undefined;
}

export function pageReply(page: PageKind, options: PageOptions = {}): Reply {
  const status = options.status ?? pageStatus(page);
  return {
    status,
    page,
    closes: options.closes === true,
    render({ requestId, head }, { closes, now }) {
      const accept = fieldIn(head?.forwarded ?? "", "accept") ?? "";
      const isHead = head?.method === "HEAD";
      return renderPage({ ...options, kind: page, status, accept, requestId, isHead, closes, now });
    },
  };
}

/** After a request that could not be understood nothing that follows can be either. */
export function refusal({ status, problem }: HeadError): Reply {
  return pageReply(pageFor(status), { status, detail: problem, closes: true });
}

export function bodyTooLarge(maxBodyBytes: number): Reply {
  return refusal({ status: 413, problem: `The body is larger than ${maxBodyBytes} bytes.` });
}

export function ownReply(own: OwnAnswer): Reply {
  if (own.kind === "page") return pageReply(own.page, { edit: own.edit });
  return {
    status: own.status,
    page: null,
    closes: false,
    render: ({ requestId, head }, { closes, now }) =>
      renderAnswer({ ...own, requestId, isHead: head?.method === "HEAD", closes, now }),
  };
}

function pageFor(status: HeadError["status"]): PageKind {
  if (status === 413) return "request-too-large";
  if (status === 414) return "target-too-long";
  return status === 417 ? "expectation-failed" : "bad-request";
}
