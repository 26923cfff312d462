/** The head of a request as a replica gets it. */
import type { RequestHead } from "./parse-head.ts";
import type { Forward } from "./plan-request.ts";

export function requestMessage(head: RequestHead, { target, headers }: Forward): string {
  return `${head.method} ${target} HTTP/1.1\r\nhost: ${head.authority}\r\n${headers}${hopLines(head)}\r\n`;
}

/** What is said to the replica itself and not to whoever is behind it. */
function hopLines({ upgrade, acceptsTrailers }: RequestHead): string {
  if (upgrade === null && !acceptsTrailers) return "";
  const tokens = [...(acceptsTrailers ? ["te"] : []), ...(upgrade === null ? [] : ["upgrade"])];
  const te = acceptsTrailers ? "te: trailers\r\n" : "";
  const protocol = upgrade === null ? "" : `upgrade: ${upgrade}\r\n`;
  return `${te}connection: ${tokens.join(", ")}\r\n${protocol}`;
}
