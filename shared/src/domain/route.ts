/** Which release a host name serves: the documents under `routes/` joined with each project's live pointer. */
import * as v from "valibot";

/** One share of a route's traffic; weights are relative, not percentages. */
export const RouteTargetSchema = v.object({
  deploymentId: v.pipe(v.string(), v.minLength(1), v.maxLength(128)),
  weight: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1_000_000)),
});

/** `routes/{host}`; fields this program does not read are ignored. */
export const RouteSchema = v.object({
  host: v.pipe(v.string(), v.minLength(1), v.maxLength(253), v.toLowerCase()),
  projectId: v.pipe(v.string(), v.minLength(1), v.maxLength(128)),
  /** Empty: the route follows `projects/{projectId}.liveDeploymentId`. */
  targets: v.optional(v.pipe(v.array(RouteTargetSchema), v.maxLength(16)), []),
});

export type RouteTarget = v.InferOutput<typeof RouteTargetSchema>;
export type Route = v.InferOutput<typeof RouteSchema>;

/** A complete picture at one moment; listeners get a new one for every change. */
export interface RouteTable {
  /** By lower-case host name without a port. */
  readonly routes: ReadonlyMap<string, Route>;
  /** Live deployment by project id; a project that was never live is absent. */
  readonly live: ReadonlyMap<string, string>;
  /** The deployment that was live before it, by project id. */
  readonly former: ReadonlyMap<string, string>;
}

export const EMPTY_ROUTE_TABLE: RouteTable = {
  routes: new Map(),
  live: new Map(),
  former: new Map(),
};
