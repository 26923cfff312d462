/** What can go wrong with any cluster. The phrases are those of the gateways' logs. */
import type { ClusterMember } from "@bifrost/shared/api/cluster";
import { counted, everyMember, everyView, percent, splits } from "./looks.ts";
import { DISCOVERY_TROUBLES } from "./discovery-troubles.ts";
import { OPEN_PORT, type Trouble } from "./trouble.ts";

/** Used share of memory above which it is worth a look. */
const MUCH_MEMORY = 0.9;
/** Clusters are made for three to seven nodes. */
const MANY_NODES = 7;
/** A member that had to contradict its own death, or came back, so often and lately is not steady. */
const MANY_INCARNATIONS = 5;
const LATELY_MS = 10 * 60_000;
const MUCH_LOSS = 0.05;
const LATE_LOOP_MS = 200;
/** Around a restart or a change of keys a few are ordinary; somebody with other keys goes on sending. */
const MANY_STRANGE_PACKETS = 20;

const CLUSTER_TROUBLES: readonly Trouble[] = [
  {
    name: "no-answer",
    symptom: "a gateway's control API does not answer, or not as one of this cluster",
    look: ({ silent }) => silent.map(({ control, problem }) => ({ at: control, what: problem })),
    cause:
      "The gateway does not run, its control port is not reached from here, or it has another control token.",
    remedies: [
      "look whether the process runs and what its log says last; exit status 78 = wrong configuration, named there",
      "the control port is BIFROST_CONTROL_PORT, 9090 unless set otherwise; run this where it can be reached",
    ],
  },
  {
    name: "no-gossip",
    symptom: "a gateway serves traffic and takes no part in its cluster",
    look: everyView(({ details }) => (details.problem === null ? [] : [details.problem])),
    cause: "Its gossip process could not start, or ended.",
    remedies: [
      "the words above say why; the usual reasons are a gossip port that another program has and a wrong key",
      "it is started again by itself; nothing else has to be done once the reason is gone",
    ],
  },
  {
    name: "one-member",
    symptom: "a node thinks that it is the only member",
    phrases: ["failed to join cluster", "no new nodes discovered"],
    look: everyView(({ status }) => (status.members > 1 ? [] : ["it knows no other member"])),
    cause: "It was told of no other node, or none of those it was told of lets it in.",
    remedies: [
      "set `discovery.enabled: true` and `discovery.type`, or list the others in `peers`",
      "use the same `service_name`, `label` and BIFROST_GOSSIP_KEYS on all nodes",
      OPEN_PORT,
      "look at the checks of the method of discovery below",
    ],
  },
  {
    name: "split",
    symptom: "nodes are divided into separate clusters",
    look: splits,
    cause:
      "The network between them is cut, in one direction or both, or they were configured apart.",
    remedies: [
      "check the connection between the nodes named, in both directions: TCP and UDP, port 10101",
      "use the same discovery settings, `label` and BIFROST_GOSSIP_KEYS on all nodes",
      "check what limits discovery: label selectors, DNS names, `allowed_address_space`",
      "nothing has to be restarted: they come together by themselves once they reach each other",
    ],
  },
  {
    name: "lost-member",
    symptom: "a member is suspect or dead",
    phrases: ["node marked as suspect"],
    look: everyMember((member) =>
      member.state === "suspect" || member.state === "dead"
        ? `${member.nodeId} at ${member.address} is ${member.state}${evidenceOf(member)}`
        : null,
    ),
    cause: "It ended, its machine or network is gone, or it is too busy to answer.",
    remedies: [
      "`refused`: its process is gone; look at its log and at what should start it again",
      `\`unreachable\`: its machine or the network is; ${OPEN_PORT}`,
      "`stalled`: its kernel answers and the program does not; give it more CPU or memory",
      "in Kubernetes, see with `kubectl get pods` whether it is Running; on a slow network increase `timeout_seconds`",
    ],
  },
  {
    name: "sick-member",
    symptom: "a member can be reached and fails its health checks",
    phrases: ["cluster health: NOT HEALTHY"],
    look: everyMember((member) =>
      member.state === "alive" && member.health === "sick"
        ? `${member.nodeId} failed its last checks`
        : null,
    ),
    cause: "It answered too late, `failure_threshold` times in a row.",
    remedies: [
      "look at its CPU and event-loop delay: `bifrost cluster nodes`",
      "increase `timeout_seconds` if the network is slow",
    ],
  },
  {
    name: "flapping",
    symptom: "nodes join and leave again and again",
    look: everyMember((member, _view, { at }) =>
      member.incarnation >= MANY_INCARNATIONS && at - Date.parse(member.since) < LATELY_MS
        ? `${member.nodeId} is in its incarnation ${member.incarnation}, ${member.state} since ${member.since}`
        : null,
    ),
    cause:
      "It is taken for dead and comes back, or is restarted: a bad network, too little CPU, or probes that end it.",
    remedies: [
      "look for packet loss and latency: `bifrost cluster nodes` shows both for each node",
      "give the nodes enough CPU and memory",
      "increase `timeout_seconds` if it is aggressive for this network",
      "review liveness probes: /health at the control port, with a timeout of seconds",
      "check that discovery does not come and go: the checks of its method below",
    ],
  },
  {
    name: "bad-network",
    symptom: "probes between nodes are lost",
    phrases: ["timeout waiting for response"],
    look: everyMember((member) => {
      const bad = (member.load?.links ?? []).filter(({ loss }) => loss > MUCH_LOSS);
      return bad.length === 0
        ? null
        : `${member.nodeId} loses ${bad.map((link) => `${percent(link.loss)} to ${link.nodeId}`).join(", ")}`;
    }),
    cause: "Packets are lost or come too late.",
    remedies: [
      "check the links named for congestion and errors",
      "with UDP blocked gossip goes over TCP alone and says so in the log: let UDP pass",
    ],
  },
  {
    name: "starved",
    symptom: "a node is too busy",
    look: everyMember((member) => {
      const delay = member.load?.eventLoopDelayMs ?? 0;
      return delay > LATE_LOOP_MS
        ? `event loops of ${member.nodeId} are ${Math.round(delay)} ms late`
        : null;
    }),
    cause: "It has less CPU than its traffic needs, or a policy computes for long.",
    remedies: [
      "give it more CPU, or spread the traffic over more nodes",
      "look at its policies: `bifrost policies logs`, and the metrics of its control API",
    ],
  },
  {
    name: "memory",
    symptom: "memory grows",
    look: everyMember((member, { status }) => {
      const { memoryBytes = 0, memoryLimitBytes = 0 } = member.load ?? {};
      if (memoryLimitBytes === 0 || memoryBytes / memoryLimitBytes < MUCH_MEMORY) return null;
      const crowd = status.members > MANY_NODES ? `, in a cluster of ${status.members}` : "";
      return `${member.nodeId} uses ${percent(memoryBytes / memoryLimitBytes)} of its memory${crowd}`;
    }),
    cause: "Too little memory for what the node does, or a very large cluster.",
    remedies: [
      "give the nodes more memory",
      "keep to three to seven nodes: what is gossiped grows with their number",
      "what is remembered of messages for two minutes, so that none is taken twice, is normal; `deduplication_ttl` says for how long",
    ],
  },
  {
    name: "broadcast",
    symptom: "messages do not reach all nodes",
    phrases: ["failed to broadcast"],
    look: everyView(({ details }) => counted(details.counters, /too-large|dropped/)),
    cause: "A message was too large, or there was nobody to send it to.",
    remedies: [
      "see above whether the cluster has other members that are healthy",
      OPEN_PORT,
      "keep what is shared small: fewer routes, policies and limits with keys of their own in one cluster",
      "the log says at start when gossip could not begin",
    ],
  },
  {
    name: "two-of-a-name",
    symptom: "two nodes have one name",
    look: everyView(({ details }) => counted(details.counters, /^conflicts$/)),
    cause:
      "Another running node has the same `node_id`, or runs on a host of the same name with the same port.",
    remedies: [
      "give each node a `node_id` of its own, or leave it out so that host name and port make it",
    ],
  },
  {
    name: "strangers",
    symptom: "packets come that this cluster cannot open",
    look: everyView(({ details }) =>
      counted(
        details.counters,
        /unknown-key|not-opened|not-sealed|other-cluster/,
        MANY_STRANGE_PACKETS,
      ),
    ),
    cause: "A node has other gossip keys or another `label`, or none at all.",
    remedies: [
      "use the same BIFROST_GOSSIP_KEYS and `label` on all nodes of one cluster",
      "after `bifrost cluster keys rotate`, start nodes with the new value",
    ],
  },
  {
    name: "discovery",
    symptom: "discovery failed",
    phrases: ["discovery failed"],
    look: everyView(({ details }) =>
      details.discovery.flatMap(({ type, problem }) =>
        problem === null ? [] : [`${type}: ${problem}`],
      ),
    ),
    cause: "A method of discovery does not work now; nodes that are members already stay.",
    remedies: [
      "the checks of its method say more; the log has the cause and the remedy of each error",
    ],
  },
];

export const TROUBLES: readonly Trouble[] = [...CLUSTER_TROUBLES, ...DISCOVERY_TROUBLES];

function evidenceOf({ evidence }: ClusterMember): string {
  return evidence === null ? "" : `, by the evidence \`${evidence}\``;
}
