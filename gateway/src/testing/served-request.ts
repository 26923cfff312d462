/** A request as the proxy tells of it once it is over. */
import type { Served } from "../proxy/served.ts";

export function servedRequest(changes: Partial<Served> = {}): Served {
  return {
    at: 1_000_000_000_000,
    requestId: "id-1",
    traceId: "",
    ip: "203.0.113.7",
    method: "GET",
    host: "shop.test.local",
    target: "/a",
    protocol: "HTTP/1.1",
    status: 200,
    bytesIn: 120,
    bytesOut: 340,
    durationMs: 12.5,
    upstreamMs: 11,
    projectId: "project",
    route: "shop.test.local/",
    deploymentId: "abcdefghij",
    address: "10.0.0.1:8080",
    page: null,
    retries: 0,
    userAgent: "curl/8",
    referer: null,
    end: "complete",
    head: null,
    ...changes,
  };
}
