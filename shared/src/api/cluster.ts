/** What a gateway says of its cluster: `GET /cluster/status` of the control API, read by the CLI. */
import * as v from "valibot";

const textSchema = v.pipe(v.string(), v.maxLength(512));
const countSchema = v.pipe(v.number(), v.minValue(0));

/** What a node measures of itself and tells the others. */
export const NodeHealthSchema = v.object({
  /** Share of all its cores, 0 to 1. */
  cpu: v.pipe(v.number(), v.minValue(0)),
  memoryBytes: countSchema,
  /** Of the machine or the container. */
  memoryLimitBytes: countSchema,
  /** Worst delay of the event loops that carry traffic, p99 of the last interval. */
  eventLoopDelayMs: countSchema,
  requestsPerSecond: countSchema,
  /** Share of responses with status 5xx, 0 to 1. */
  errorRate: v.pipe(v.number(), v.minValue(0)),
  /** To each other node, as this one sees it. */
  links: v.array(
    v.object({
      nodeId: textSchema,
      /** null = not measured yet. */
      roundTripMs: v.nullable(countSchema),
      /** Share of the last probes that were not answered, 0 to 1. */
      loss: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
    }),
  ),
});

export const ClusterMemberSchema = v.object({
  nodeId: textSchema,
  address: textSchema,
  region: textSchema,
  host: textSchema,
  control: textSchema,
  version: textSchema,
  state: v.picklist(["alive", "suspect", "dead", "left"]),
  evidence: v.nullable(v.picklist(["refused", "unreachable", "stalled"])),
  /** `sick`: alive, but its health checks fail (`failure_threshold` of them in a row). */
  health: v.picklist(["healthy", "sick", "unknown"]),
  incarnation: countSchema,
  since: v.string(),
  /** null = nothing heard of it yet. */
  load: v.nullable(NodeHealthSchema),
});

/** The first four fields are open to everyone; the rest needs the control token. */
export const ClusterStatusSchema = v.object({
  local_node: textSchema,
  members: countSchema,
  healthy_members: countSchema,
  cluster_health: v.picklist(["HEALTHY", "NOT HEALTHY"]),
  details: v.optional(
    v.object({
      /** Why this node takes no part now; null = it does. */
      problem: v.nullable(textSchema),
      region: textSchema,
      transport: textSchema,
      encrypted: v.boolean(),
      members: v.array(ClusterMemberSchema),
      discovery: v.array(
        v.object({
          type: textSchema,
          found: v.array(textSchema),
          /** What went wrong last and still does. */
          problem: v.nullable(textSchema),
        }),
      ),
      keys: v.array(
        v.object({
          id: countSchema,
          isPrimary: v.boolean(),
          /** Live nodes that said that they have it. */
          installedAt: v.array(textSchema),
        }),
      ),
      /** Version of the newest configuration known, by kind. */
      config: v.record(v.string(), textSchema),
      counters: v.record(v.string(), v.number()),
    }),
  ),
});

export type NodeHealth = v.InferOutput<typeof NodeHealthSchema>;
export type ClusterMember = v.InferOutput<typeof ClusterMemberSchema>;
export type ClusterStatus = v.InferOutput<typeof ClusterStatusSchema>;
export type ClusterDetails = NonNullable<ClusterStatus["details"]>;
