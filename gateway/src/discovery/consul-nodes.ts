/** What Consul answers about the instances of a service. */
import * as v from "valibot";
import type { Address } from "../gossip/member.ts";
import { isAddress, joinAddress } from "./address.ts";
import { MAX_NODES } from "./findings.ts";

export interface ConsulNode {
  /** Of the service, on its agent. */
  readonly id: string;
  readonly address: Address;
  /** A check of its own, or of the machine it runs on, fails. */
  readonly isCritical: boolean;
}

const EntrySchema = v.object({
  Node: v.object({ Address: v.optional(v.string(), "") }),
  Service: v.object({ ID: v.string(), Address: v.optional(v.string(), ""), Port: v.number() }),
  Checks: v.optional(v.array(v.object({ Status: v.string() })), []),
});

/** One more than MAX_NODES, so that it can be told that there are too many. */
export function readConsulNodes(entries: readonly unknown[]): {
  readonly nodes: readonly ConsulNode[];
  /** How many are no nodes. */
  readonly invalid: number;
} {
  const some = entries.slice(0, MAX_NODES + 1);
  const nodes = some.flatMap(nodeIn);
  return { nodes, invalid: some.length - nodes.length };
}

function nodeIn(entry: unknown): readonly ConsulNode[] {
  const result = v.safeParse(EntrySchema, entry);
  if (!result.success) return [];
  const { Node: node, Service: service, Checks: checks } = result.output;
  // A service without an address of its own is at its machine's.
  const host = service.Address === "" ? node.Address : service.Address;
  const address = joinAddress(host, service.Port);
  if (!isAddress(address)) return [];
  return [{ id: service.ID, address, isCritical: checks.some((one) => one.Status === "critical") }];
}
