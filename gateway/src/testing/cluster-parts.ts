/** Values of a cluster for tests. */
import type { ClusterConfig } from "../cluster-config/cluster-config.ts";
import type { Member, MemberMeta, NodeId } from "../gossip/member.ts";
import type { PlaneCounts } from "../workers/plane.ts";

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
  {
    meta,
    ...changes
  }: Partial<Omit<Member, "meta">> & { readonly meta?: Partial<MemberMeta> } = {},
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

/** Of data planes that answered these and did nothing else. */
export function testPlaneCounts(classes: Readonly<Record<string, number>>): PlaneCounts {
  const none = { counts: [], sum: 0 };
  return {
    proxy: { requests: 0, forwarded: 0, pages: 0, retried: 0, waited: 0, broken: 0 },
    traffic: {
      classes: new Map(Object.entries(classes)),
      pages: new Map(),
      projects: new Map(),
      retries: 0,
      bytesIn: 0,
      bytesOut: 0,
      duration: none,
      upstream: none,
    },
    accessLog: { written: 0, dropped: 0 },
    policyCalls: new Map(),
    policyErrors: new Map(),
    policiesOverBudget: new Map(),
  };
}
