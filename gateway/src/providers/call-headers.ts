/** Which header fields go through to a provider and back: what is about the hop or about who calls stays here. */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import type { ProviderConfig } from "./provider-config.ts";

const OF_THE_HOP = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/** Keys and cookies of the caller, and what would tell the provider where the call came from. */
const OF_THE_CALLER = [
  "authorization",
  "x-api-key",
  "x-goog-api-key",
  "api-key",
  "cookie",
  "host",
  "content-length",
  "expect",
  "forwarded",
  "accept-encoding",
];

export function headersForProvider(
  headers: IncomingHttpHeaders,
  { keyHeader }: Pick<ProviderConfig, "keyHeader">,
  key: string,
  bodyBytes: number,
): OutgoingHttpHeaders {
  const kept = without(headers, [...OF_THE_HOP, ...OF_THE_CALLER, ...namedByConnection(headers)]);
  return {
    ...Object.fromEntries(Object.entries(kept).filter(([name]) => !name.startsWith("x-forwarded"))),
    // The answer says how many tokens it took: it has to be readable.
    "accept-encoding": "identity",
    "content-length": bodyBytes,
    [keyHeader]: keyHeader === "authorization" ? `Bearer ${key}` : key,
  };
}

export function headersForCaller(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  return without(headers, [...OF_THE_HOP, "set-cookie", ...namedByConnection(headers)]);
}

/** RFC 9110, 7.6.1: `Connection` names fields that are about the hop as well. */
function namedByConnection({ connection }: IncomingHttpHeaders): readonly string[] {
  return (connection ?? "").split(",").map((name) => name.trim().toLowerCase());
}

function without(headers: IncomingHttpHeaders, names: readonly string[]): OutgoingHttpHeaders {
  const dropped = new Set(names);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !dropped.has(name)));
}
