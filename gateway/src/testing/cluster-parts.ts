/** Values of a cluster for tests. */
import type { ClusterConfig } from "../cluster-config/cluster-config.ts";
import type { Member, MemberMeta, NodeId } from "../gossip/member.ts";

export function testClusterConfig(changes: Partial<ClusterConfig> = {}): ClusterConfig {
  return {
    nodeId: null,
    region: "here",
    label: "test",
    transport: "mesh",
    bindAddress: "127.0.0.1",
    advertise: null,
    peers: [],
    discoveries: [],
    gossip: {
      port: 0,
      timeoutMs: 10_000,
      successThreshold: 3,
      failureThreshold: 3,
      deduplicationMs: 120_000,
    },
    tls: null,
    ...changes,
  };
}

export function testMember(
  id: NodeId,
  { meta, ...changes }: Partial<Omit<Member, "meta">> & { readonly meta?: Partial<MemberMeta> } = {},
): Member {
  return {
    id,
    address: `${id}.test:10101`,
    incarnation: 0,
    state: "alive",
    evidence: null,
    meta: { region: "here", host: "", control: "", version: "0.0.0", epoch: 1, ...meta },
    since: 0,
    ...changes,
  };
}
