/** One served request as a line of JSON in the shape of Cloud Logging's HttpRequest. */
import type { Served } from "../proxy/served.ts";

/** What a line is made of; a copy, because what is served is told only for a moment. */
export type AccessEntry = Omit<Served, "head" | "route">;

export interface AccessLineOptions {
  readonly scheme: "http" | "https";
  /** Google Cloud project whose traces the ids belong to. */
  readonly cloudProject: string;
  /** Queries may hold tokens: they are logged only when asked for. */
  readonly logsQuery: boolean;
}

/**
 * With its end of line. What one process writes to a pipe at once and is no longer than this (PIPE_BUF) is never
 * mixed with what another one writes.
 */
export const MAX_LINE_BYTES = 4096;

interface Lengths {
  readonly url: number;
  readonly text: number;
}

/** Characters kept of what clients choose. The second fits whatever has to be escaped: six bytes for one. */
const USUAL: Lengths = { url: 1024, text: 256 };
const LEAST: Lengths = { url: 160, text: 32 };

/** Heads up to this size are kept as they are while their line waits. */
const SMALL_HEAD = 2048;

export function accessEntry(served: Served): AccessEntry {
  const { at, requestId, protocol, status } = served;
  const { bytesIn, bytesOut, durationMs, upstreamMs, projectId, deploymentId, address } = served;
  const { page, retries, end } = served;
  const isLarge = (served.head?.forwarded.length ?? 0) + served.target.length > SMALL_HEAD;
  const said = isLarge ? freed(served) : served;
  const { traceId, ip, method, host, target, userAgent, referer } = said;
  return {
    at,
    requestId,
    traceId,
    ip,
    method,
    host,
    target,
    protocol,
    status,
    bytesIn,
    bytesOut,
    durationMs,
    upstreamMs,
    projectId,
    deploymentId,
    address,
    page,
    retries,
    userAgent,
    referer,
    end,
  };
}

type Said = Pick<
  AccessEntry,
  "traceId" | "ip" | "method" | "host" | "target" | "userAgent" | "referer"
>;

/** What a head said, cut to what can be shown and copied: a piece of a text keeps all of that text in memory. */
function freed({ traceId, ip, method, host, target, userAgent, referer }: Said): Said {
  return {
    traceId: copied(traceId),
    ip: copied(ip),
    method: copied(method),
    host: copied(host),
    target: copied(target),
    userAgent: userAgent === null ? null : copied(userAgent),
    referer: referer === null ? null : copied(referer),
  };
}

function copied(text: string): string {
  return Buffer.from(text.slice(0, USUAL.url), "latin1").toString("latin1");
}

export function accessLine(served: AccessEntry, options: AccessLineOptions): string {
  const line = render(served, options, USUAL);
  return Buffer.byteLength(line) <= MAX_LINE_BYTES ? line : render(served, options, LEAST);
}

function render(served: AccessEntry, options: AccessLineOptions, { url, text }: Lengths): string {
  const { traceId } = served;
  const shown = (value: string): string => (options.logsQuery ? value : withoutQuery(value));
  const entry = {
    severity: served.status >= 500 ? "WARNING" : "INFO",
    time: new Date(served.at).toISOString(),
    httpRequest: {
      requestMethod: served.method.slice(0, text),
      requestUrl: `${options.scheme}://${served.host.slice(0, text)}${shown(served.target)}`.slice(
        0,
        url,
      ),
      status: served.status,
      latency: `${(served.durationMs / 1000).toFixed(6)}s`,
      remoteIp: served.ip,
      userAgent: served.userAgent?.slice(0, text),
      referer: served.referer === null ? undefined : shown(served.referer).slice(0, text),
      requestSize: String(served.bytesIn),
      responseSize: String(served.bytesOut),
      protocol: served.protocol,
    },
    "logging.googleapis.com/trace":
      traceId === "" ? undefined : `projects/${options.cloudProject}/traces/${traceId}`,
    project: served.projectId ?? undefined,
    deployment: served.deploymentId ?? undefined,
    replica: served.address ?? undefined,
    page: served.page ?? undefined,
    retries: served.retries,
    upstreamMs: served.upstreamMs ?? undefined,
    end: served.end,
    requestId: served.requestId,
  };
  return `${JSON.stringify(entry)}\n`;
}

function withoutQuery(url: string): string {
  const at = url.search(/[?#]/);
  return at < 0 ? url : url.slice(0, at);
}
