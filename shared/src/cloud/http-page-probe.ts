/** A GET with a host of its own, which `fetch` does not let its callers choose. */
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { PageProbe, PageRequest } from "../ports/page-probe.ts";

export interface PageProbeOptions {
  /** Where the gateway is reached; null = each host is reached under its own name. */
  readonly gatewayUrl: string | null;
  readonly scheme: "http" | "https";
}

export function httpPageProbe({ gatewayUrl, scheme }: PageProbeOptions): PageProbe {
  return {
    statusOf: (page) => ask(new URL(gatewayUrl ?? `${scheme}://${page.host}`), page),
  };
}

function ask(base: URL, { host, path, headers, timeoutMs }: PageRequest): Promise<number | null> {
  const request = base.protocol === "https:" ? httpsRequest : httpRequest;
  const { hostname, port } = base;
  const signal = AbortSignal.timeout(timeoutMs);
  return new Promise((resolve) => {
    const asked = request(
      { hostname, port, path, headers: { ...headers, host }, agent: false, signal },
      (response) => {
        response.on("error", () => undefined).destroy();
        resolve(response.statusCode ?? null);
      },
    );
    asked.on("error", () => resolve(null));
    asked.end();
  });
}
