/** Decides what becomes of a request once its head is known: where it goes and as what, or which answer it gets here. */
import { timingSafeEqual } from "node:crypto";
import { restBelow } from "@bifrost/shared/domain/match-path";
import type { Redirect } from "@bifrost/shared/domain/route";
import { SITE_PROBE_HEADER } from "@bifrost/shared/domain/site-manifest";
import {
  type HeaderEdit,
  type PolicyAnswer,
  type PolicyOutcome,
  type PolicyResponse,
  PolicyWait,
  UNTOUCHED,
} from "../policies/policy-chain.ts";
import type { Backends, Files, NoMatch } from "../routing/match.ts";
import type { Site } from "../routing/site.ts";
import type { ClientOrigin } from "./client-origin.ts";
import { type GossipEntrance, isGossip } from "./gossip-entrance.ts";
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
      readonly page: NoMatch["kind"] | NonNullable<PolicyAnswer["page"]>;
      readonly edit: PolicyOutcome["response"];
    }
  | {
      readonly kind: "answer";
      readonly status: number;
      /** Header lines, each ending with CRLF; without content-length. */
      readonly headers: string;
      readonly body: string;
    };

/** What becomes of a request. */
export type Plan = Forward | ServeFiles | OwnAnswer;

/** Policies do not know yet what becomes of it: see PolicyWait. */
export interface WaitingPlan {
  readonly kind: "waits";
  readonly known: Promise<void>;
  readonly goOn: (mayWait: boolean) => Plan | WaitingPlan;
}

type Services = Pick<ProxyServices, "gossip" | "findSite" | "chooseBackends" | "nextTraceparent">;

/** Notes in `record` where the request belongs. */
export function planRequest(
  head: RequestHead,
  services: Services,
  origin: ClientOrigin,
  record: RequestRecord,
): Plan | WaitingPlan {
  record.traceparent = head.traceparent ?? services.nextTraceparent();
  const { gossip } = services;
  if (gossip !== null && isGossip(gossip, head)) return toGossip(gossip, head, origin, record);
  const found = services.findSite(head.host, head.target);
  if (found.kind !== "site") return { kind: "page", page: found.kind, edit: null };
  const site = isProbe(found, head) ? { ...found, chain: null } : found;
  record.projectId = site.projectId;
  record.route = site.route;
  const { ip, scheme } = origin;
  const { projectId } = site;
  const view = new RequestView(head, { id: record.requestId, ip, scheme, projectId });
  const asked = { head, services, origin, record, site, view };
  return planFor(asked, site.chain?.onRequest(view) ?? UNTOUCHED);
}

/** Past routes and policies: who asks is settled by the gossip process itself. */
function toGossip(
  { address }: GossipEntrance,
  head: RequestHead,
  origin: ClientOrigin,
  record: RequestRecord,
): Forward {
  record.isGossip = true;
  return {
    kind: "forward",
    deploymentId: "",
    addresses: [address],
    target: head.target,
    headers: `${head.forwarded}${origin.linesFor(head.authority)}x-bifrost-request-id: ${record.requestId}\r\n`,
    editResponse: null,
    editPage: null,
  };
}

interface Asked {
  readonly head: RequestHead;
  readonly services: Services;
  readonly origin: ClientOrigin;
  readonly record: RequestRecord;
  readonly site: Site;
  readonly view: RequestView;
}

function planFor(asked: Asked, outcome: PolicyOutcome | PolicyWait): Plan | WaitingPlan {
  if (outcome instanceof PolicyWait) {
    const goOn = (mayWait: boolean): Plan | WaitingPlan => planFor(asked, outcome.goOn(mayWait));
    return { kind: "waits", known: outcome.known, goOn };
  }
  const { head, services, origin, record, site, view } = asked;
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
    kind: "files",
    deploymentId: files.deploymentId,
    manifest: files.manifest,
    target: outcome.path ?? stripped(site, head.target),
    headers: outcome.request?.apply(head.forwarded) ?? head.forwarded,
    editResponse: responseEditor(site, view, outcome, visitorCookie(site, files, view.scheme)),
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
    editResponse: responseEditor(site, view, outcome, visitorCookie(site, backends, view.scheme)),
    editPage: outcome.response,
  };
}

function answerOf(answer: PolicyAnswer, edit: HeaderEdit | null): OwnAnswer {
  const { status, headers, body, page } = answer;
  if (page !== undefined) return { kind: "page", page, edit };
  return { kind: "answer", status, headers: edit?.apply(headers) ?? headers, body };
}

function responseEditor(
  { chain }: Site,
  view: RequestView,
  outcome: PolicyOutcome,
  cookie: string,
): Forward["editResponse"] {
  const queued = outcome.response;
  const addOwn = (lines: string): string => (queued?.apply(lines) ?? lines) + cookie;
  if (chain?.hasResponsePhase !== true) {
    return queued === null && cookie === "" ? null : (_status, lines) => addOwn(lines);
  }
  return (status, lines) => {
    const response: PolicyResponse = { status, header: (name) => fieldIn(lines, name) };
    return addOwn(chain.onResponse(view, response)?.apply(lines) ?? lines);
  };
}

function redirectTo(site: Site, { to, status, keepsPath }: Redirect, target: string): OwnAnswer {
  const rest = keepsPath ? restBelow(target, site.prefix) : "";
  const location = rest === "" ? to : `${to.replace(/\/$/, "")}${rest}`;
  return { kind: "answer", status, headers: `location: ${location}\r\n`, body: "" };
}

function stripped(site: Site, target: string): string {
  if (!site.stripsPrefix || site.prefix === "/") return target;
  const rest = restBelow(target, site.prefix);
  return rest.startsWith("/") ? rest : `/${rest}`;
}

/** How long a visitor stays with the release of a split that a cookie remembers. */
const VISITOR_SECONDS = 30 * 24 * 3600;

/** The line that tells a visitor who they are from now on; "" for one who is known, or need not be. */
function visitorCookie(
  { stickiness }: Site,
  { newVisitor }: Pick<Backends, "newVisitor">,
  scheme: string,
): string {
  if (newVisitor === null || stickiness.by !== "cookie") return "";
  const secure = scheme === "https" ? "; Secure" : "";
  return `set-cookie: ${stickiness.name}=${newVisitor}; Path=/; Max-Age=${VISITOR_SECONDS}; HttpOnly; SameSite=Lax${secure}\r\n`;
}
