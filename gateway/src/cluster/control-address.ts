/** What the others are told to reach a node's control API by. */
import { isIPv6 } from "node:net";
import type { Address } from "../gossip/member.ts";

const EVERY_ADDRESS: ReadonlySet<string> = new Set(["", "0.0.0.0", "::", "[::]"]);

/** `listens`: `host:port`. Where it listens at every address, the host is the one that gossip is told to be at: `own`. */
export function controlAsTold(listens: string, own: Address): string {
  const at = listens.lastIndexOf(":");
  const [host, port] = [listens.slice(0, at), listens.slice(at)];
  return `${EVERY_ADDRESS.has(host) ? hostOf(own) : host}${port}`;
}

/** Of a host alone, `host:port` or a URL. */
function hostOf(own: Address): string {
  if (isIPv6(own)) return `[${own}]`;
  return new URL(own.includes("://") ? own : `tcp://${own}`).hostname;
}
