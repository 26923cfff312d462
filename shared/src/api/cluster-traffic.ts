/** What the nodes of a cluster served in the last minute: `GET /cluster/traffic` of a gateway's control API. */
import * as v from "valibot";

const textSchema = v.pipe(v.string(), v.maxLength(512));
const countSchema = v.pipe(v.number(), v.minValue(0));

const figures = {
  requests: countSchema,
  requests_per_second: countSchema,
  /** Share of responses with status 5xx, 0 to 1. */
  error_rate: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
  /** From a request's first byte to its end; right within 1 %. */
  latency_ms: v.object({ p50: countSchema, p90: countSchema, p99: countSchema }),
};

const RouteTrafficSchema = v.object({
  /** Host and path prefix, such as `shop.example/api`; `other` = all beyond the 255 of a node that came first. */
  route: textSchema,
  ...figures,
  /** Requests by node. */
  nodes: v.record(textSchema, countSchema),
});

export const ClusterTrafficSchema = v.object({
  local_node: textSchema,
  /** The time in which these were served: about a minute, less when there was nothing before. */
  seconds: countSchema,
  ...figures,
  /** The busiest first. */
  routes: v.array(RouteTrafficSchema),
  nodes: v.array(v.object({ node: textSchema, ...figures })),
});

export type RouteTraffic = v.InferOutput<typeof RouteTrafficSchema>;
export type ClusterTraffic = v.InferOutput<typeof ClusterTrafficSchema>;
