/** What a node says of its cluster, made of what it knows. */
import type {
  ClusterDetails,
  ClusterMember,
  ClusterStatus,
  NodeHealth,
} from "@bifrost/shared/api/cluster";
import type { ClusterConfig } from "../cluster-config/cluster-config.ts";
import type { Member, NodeId } from "../gossip/member.ts";

/** With what only operators see. */
export interface FullStatus extends ClusterStatus {
  readonly details: ClusterDetails;
}

export interface KnownOfCluster {
  readonly self: NodeId;
  readonly config: ClusterConfig;
  readonly isEncrypted: boolean;
  readonly members: readonly Member[];
  readonly healthOf: (id: NodeId) => ClusterMember["health"];
  readonly loadOf: (id: NodeId) => NodeHealth | null;
  /** Why this node takes no part now; null = it does. */
  readonly problem: string | null;
  readonly discovery: ClusterDetails["discovery"];
  readonly keys: ClusterDetails["keys"];
  readonly configVersions: ClusterDetails["config"];
  readonly counters: ClusterDetails["counters"];
}

/** Of those who left nothing is expected: they count no more. */
export function clusterStatus(known: KnownOfCluster): FullStatus {
  const { self, config, members, problem } = known;
  const expected = members.filter(({ state }) => state !== "left");
  const healthy = expected.filter((member) => isHealthy(member, known));
  const isWhole = healthy.length === expected.length && !isLonely(known);
  return {
    local_node: self,
    members: expected.length,
    healthy_members: healthy.length,
    cluster_health: problem === null && isWhole ? "HEALTHY" : "NOT HEALTHY",
    details: {
      problem,
      region: config.region,
      transport: config.transport,
      encrypted: known.isEncrypted,
      members: members.map((member) => describeMember(member, known)),
      discovery: known.discovery,
      keys: known.keys,
      config: known.configVersions,
      counters: known.counters,
    },
  };
}

function isHealthy({ id, state }: Member, { self, problem, healthOf }: KnownOfCluster): boolean {
  if (id === self) return problem === null;
  return state === "alive" && healthOf(id) !== "sick";
}

/** Others were found, or may be there unseen because discovery does not work, and none is a member. */
function isLonely({ self, members, discovery }: KnownOfCluster): boolean {
  const hasOthers = members.some(({ id, state }) => id !== self && state !== "left");
  return !hasOthers && discovery.some(({ found, problem }) => found.length > 0 || problem !== null);
}

function describeMember(member: Member, known: KnownOfCluster): ClusterMember {
  const { id, address, meta, state, evidence, incarnation, since } = member;
  const { region, host, control, version } = meta;
  return {
    nodeId: id,
    address,
    region,
    host,
    control,
    version,
    state,
    evidence,
    health: isHealthy(member, known) && id === known.self ? "healthy" : known.healthOf(id),
    incarnation,
    since: new Date(since).toISOString(),
    load: known.loadOf(id),
  };
}
