/** What the data planes counted and how their processes are, for Prometheus. */
import type { PlanesReadiness, PlanesSummary } from "../workers/data-planes.ts";
import type { PlaneCounts, PlaneGauges } from "../workers/plane.ts";
import { DURATION_BOUNDS, type Distribution } from "../workers/traffic-counts.ts";
import { byLabel, counter, gauge, histogram, type Metric, type Sample } from "./prometheus.ts";

/** What each counter of the proxy says; one that is new there is told with a plain text until it has one here. */
const PROXY_HELP: Readonly<Record<string, string>> = {
  requests: "Requests whose head was received.",
  forwarded: "Responses that came from a replica.",
  pages: "Answers the gateway gave itself.",
  retried: "Attempts on another replica or another connection.",
  broken: "Responses that broke off after they had begun.",
  waited: "Requests that waited for the answer of a limit.",
};

export function proxyMetrics(
  summary: PlanesSummary,
  readiness: PlanesReadiness,
  disabled: ReadonlySet<string>,
): readonly Metric[] {
  const { totals, planes, crashes, kills, crashLoops } = summary;
  return [
    ...(totals === null ? [] : countMetrics(totals)),
    ...processMetrics(planes),
    gauge(
      ["bifrost_proxy_workers", "Processes that serve now."],
      readiness.workers ? planes.length : 0,
    ),
    byLabel(
      ["bifrost_proxy_worker_ends_total", "Processes that ended without being told to."],
      "counter",
      "how",
      { crashed: crashes, killed: kills },
    ),
    byLabel(
      ["bifrost_policy_disabled", "Scripts that were taken out of service."],
      "gauge",
      "script",
      new Map([...disabled].map((key) => [key, 1])),
    ),
    gauge(
      ["bifrost_proxy_crash_loops", "Positions whose processes end again and again."],
      crashLoops,
    ),
  ];
}

function countMetrics({ proxy, traffic, accessLog, ...policies }: PlaneCounts): readonly Metric[] {
  return [
    ...Object.entries(proxy).map(([name, value]) =>
      counter(
        [`bifrost_proxy_${snakeCase(name)}_total`, PROXY_HELP[name] ?? `Counter ${name}.`],
        value,
      ),
    ),
    byLabel(
      ["bifrost_proxy_responses_total", "Responses by class of status."],
      "counter",
      "class",
      traffic.classes,
    ),
    byLabel(
      ["bifrost_proxy_own_pages_total", "Answers of the gateway's own by page."],
      "counter",
      "page",
      traffic.pages,
    ),
    byLabel(
      [
        "bifrost_proxy_project_requests_total",
        "Requests by project; beyond 1,000 projects the rest is `other`.",
      ],
      "counter",
      "project",
      traffic.projects,
    ),
    byLabel(["bifrost_proxy_bytes_total", "Bytes from and to clients."], "counter", "direction", {
      in: traffic.bytesIn,
      out: traffic.bytesOut,
    }),
    histogram(
      ["bifrost_proxy_request_duration_seconds", "From a request's first byte to its end."],
      distribution(traffic.duration),
    ),
    histogram(
      [
        "bifrost_proxy_upstream_duration_seconds",
        "From handing a request to a replica to the head of its response.",
      ],
      distribution(traffic.upstream),
    ),
    byLabel(
      ["bifrost_access_log_lines_total", "Lines of the access log."],
      "counter",
      "outcome",
      accessLog,
    ),
    policyMetric("calls", "Calls of policies.", policies.policyCalls),
    policyMetric("errors", "Calls of policies that failed.", policies.policyErrors),
    policyMetric(
      "over_budget",
      "Calls of policies that were ended because they took too long.",
      policies.policiesOverBudget,
    ),
  ];
}

function policyMetric(name: string, help: string, byScript: ReadonlyMap<string, number>): Metric {
  return byLabel([`bifrost_policy_${name}_total`, help], "counter", "script", byScript);
}

function processMetrics(planes: readonly PlaneGauges[]): readonly Metric[] {
  const of = (name: string, help: string, value: (plane: PlaneGauges) => number): Metric => ({
    name,
    help,
    type: "gauge",
    samples: planes.map((plane): Sample => ({
      labels: { pid: String(plane.pid) },
      value: value(plane),
    })),
  });
  return [
    of("bifrost_proxy_clients", "Client connections.", ({ clients }) => clients),
    of(
      "bifrost_proxy_upstream_connections",
      "Connections to replicas.",
      ({ upstreamConnections }) => upstreamConnections,
    ),
    of("bifrost_limiter_keys", "Keys that limit() keeps.", ({ limiterKeys }) => limiterKeys),
    of(
      "bifrost_process_resident_bytes",
      "Resident memory of a serving process.",
      ({ residentBytes }) => residentBytes,
    ),
    of(
      "bifrost_process_loop_delay_seconds",
      "Longest delay of a serving process's event loop since the last report.",
      ({ loopDelaySeconds }) => loopDelaySeconds,
    ),
  ];
}

function distribution({ counts, sum }: Distribution) {
  return { bounds: DURATION_BOUNDS, counts, sum };
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
