/** Decides what becomes of a request once its head is known: where it goes and as what, or which answer it gets here. */
import { timingSafeEqual } from "node:crypto";
import type { Redirect } from "@bifrost/shared/domain/route";
import { SITE_PROBE_HEADER } from "@bifrost/shared/domain/site-manifest";
import {
  type HeaderEdit,
  type PolicyAnswer,
  type PolicyOutcome,
  type PolicyResponse,
  UNTOUCHED,
} from "../policies/policy-chain.ts";
import type { Backends, Files, NoMatch } from "../routing/match.ts";
import type { Site } from "../routing/site.ts";
import type { ClientOrigin } from "./client-origin.ts";
import { fieldIn } from "./header-block.ts";
import type { RequestHead } from "./parse-head.ts";
import type { RequestRecord } from "./served.ts";
import { RequestView } from "./request-view.ts";
import type { ProxyServices } from "./services.ts";

export interface Forward {
  readonly kind: "forward";
  readonly deploymentId: string;
  readonly addresses: readonly string[];
  readonly target: string;
  readonly headers: string;
  readonly editResponse: ((status: number, lines: string) => string) | null;
  /** What policies make of a page that takes the place of a response. */
  readonly editPage: HeaderEdit | null;
}

export interface ServeFiles {
  readonly kind: "files";
  readonly deploymentId: string;
  readonly manifest: string;
  readonly target: string;
  readonly headers: string;
  readonly editResponse: Forward["editResponse"];
  readonly editPage: HeaderEdit | null;
}

/** An answer of the gateway's own: a page, or what a route or a policy asks for. */
export type OwnAnswer =
  | {
      readonly kind: "page";
      readonly page: NoMatch["kind"];
      readonly edit: PolicyOutcome["response"];
    }
  | {
      readonly kind: "answer";
      readonly status: number;
      /** Header lines, each ending with CRLF; without content-length. */
      readonly headers: string;
      readonly body: string;
    };

type Services = Pick<ProxyServices, "findSite" | "chooseBackends" | "nextTraceparent">;

/** Notes in `record` where the request belongs. */
export function planRequest(
  head: RequestHead,
  services: Services,
  origin: ClientOrigin,
  record: RequestRecord,
): Forward | ServeFiles | OwnAnswer {
  record.traceparent = head.traceparent ?? services.nextTraceparent();
  const found = services.findSite(head.host, head.target);
  if (found.kind !== "site") return { kind: "page", page: found.kind, edit: null };
  const site = isProbe(found, head) ? { ...found, chain: null } : found;
  record.projectId = site.projectId;
  const { ip, scheme } = origin;
  const { projectId } = site;
  const view = new RequestView(head, { id: record.requestId, ip, scheme, projectId });
  const outcome = site.chain?.onRequest(view) ?? UNTOUCHED;
  if (outcome.answer !== null) return answerOf(outcome.answer, outcome.response);
  if (site.redirect !== null) return redirectTo(site, site.redirect, head.target);
  const backends = services.chooseBackends(site, view, outcome.target);
  if (backends.kind !== "backends" && backends.kind !== "files") {
    return { kind: "page", page: backends.kind, edit: outcome.response };
  }
  record.deploymentId = backends.deploymentId;
  const planned = { head, view, outcome, origin, record };
  return backends.kind === "files"
    ? serveFrom(backends, site, planned)
    : forwardTo(backends, site, planned);
}

/** Whether the platform asks, to see the release itself whatever policies make of visitors. */
function isProbe({ probeToken }: Site, head: RequestHead): boolean {
  if (probeToken === null) return false;
  const given = Buffer.from(fieldIn(head.forwarded, SITE_PROBE_HEADER) ?? "");
  const wanted = Buffer.from(probeToken);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

function serveFrom(files: Files, site: Site, { head, view, outcome }: Planned): ServeFiles {
  return {
    ...files,
    target: outcome.path ?? stripped(site, head.target),
    headers: outcome.request?.apply(head.forwarded) ?? head.forwarded,
    editResponse: responseEditor(site, view, outcome),
    editPage: outcome.response,
  };
}

interface Planned {
  readonly head: RequestHead;
  readonly view: RequestView;
  readonly outcome: PolicyOutcome;
  readonly origin: ClientOrigin;
  readonly record: RequestRecord;
}

function forwardTo(backends: Backends, site: Site, planned: Planned): Forward {
  const { head, view, outcome, origin, record } = planned;
  const lines = outcome.request?.apply(head.forwarded) ?? head.forwarded;
  const trace = head.traceparent === null ? `traceparent: ${record.traceparent}\r\n` : "";
  return {
    kind: "forward",
    deploymentId: backends.deploymentId,
    addresses: backends.addresses,
    target: outcome.path ?? stripped(site, head.target),
    headers: `${lines}${origin.linesFor(head.authority)}${trace}x-bifrost-request-id: ${view.id}\r\n`,
    editResponse: responseEditor(site, view, outcome),
    editPage: outcome.response,
  };
}

function answerOf({ status, headers, body }: PolicyAnswer, edit: HeaderEdit | null): OwnAnswer {
  return { kind: "answer", status, headers: edit?.apply(headers) ?? headers, body };
}

function responseEditor(
  { chain }: Site,
  view: RequestView,
  outcome: PolicyOutcome,
): Forward["editResponse"] {
  const queued = outcome.response;
  if (chain?.hasResponsePhase !== true) {
    return queued === null ? null : (_status, lines) => queued.apply(lines);
  }
  return (status, lines) => {
    const response: PolicyResponse = { status, header: (name) => fieldIn(lines, name) };
    const edited = chain.onResponse(view, response)?.apply(lines) ?? lines;
    return queued?.apply(edited) ?? edited;
  };
}

function redirectTo(site: Site, { to, status, keepsPath }: Redirect, target: string): OwnAnswer {
  const rest = site.prefix === "/" ? target : target.slice(site.prefix.length);
  const location = keepsPath ? `${to.replace(/\/$/, "")}${rest}` : to;
  return { kind: "answer", status, headers: `location: ${location}\r\n`, body: "" };
}

function stripped(site: Site, target: string): string {
  if (!site.stripsPrefix || site.prefix === "/") return target;
  const rest = target.slice(site.prefix.length);
  return rest.startsWith("/") ? rest : `/${rest}`;
}
