/** Which release a host name serves: the documents under `routes/` joined with each project's live pointer. */
import * as v from "valibot";
import { matchPath, normalPrefix } from "./match-path.ts";
import { policyAttachmentsSchema, type PolicyAttachment } from "./policy.ts";

const idSchema = v.pipe(v.string(), v.minLength(1), v.maxLength(128));

/** In place of a deployment id: whichever release is live. No deployment has so short an id. */
export const LIVE_TARGET = "live";

/** One share of a route's traffic; weights are relative, not percentages. */
export const RouteTargetSchema = v.object({
  /** Or `live`. */
  deploymentId: idSchema,
  weight: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1_000_000)),
  /** What policies call it, such as `canary`, and what its visitors stay with when its deployment changes. */
  name: v.optional(v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,40}$/))),
});

export const targetsSchema = v.pipe(
  v.array(RouteTargetSchema),
  v.maxLength(16),
  v.check(
    (targets) => new Set(targets.map(targetKey)).size === targets.length,
    "must not name one target twice",
  ),
);

/** What tells the targets of a split apart. */
export function targetKey(target: { deploymentId: string; name?: string | undefined }): string {
  return target.name ?? target.deploymentId;
}

/**
 * What makes a split sticky: the same value always gets the same release. A visitor without the cookie is given one; a
 * request without the header is told apart by its address.
 */
export const StickinessSchema = v.variant("by", [
  v.object({ by: v.literal("address") }),
  v.object({
    by: v.picklist(["cookie", "header"]),
    name: v.pipe(v.string(), v.regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/)),
  }),
]);

const pathSchema = v.pipe(
  v.string(),
  v.regex(/^\/[\x21-\x7e]*$/, "must begin with / and have no blanks"),
  v.maxLength(512),
  v.check(
    (path) => matchPath(path) !== null,
    "must not have `..`, `#` or a broken % escape, which apps read in different ways",
  ),
);

/** Nothing a browser could take for another place: no scheme but http(s), and no host in what looks like a path. */
const REDIRECT_TO =
  /^(?:https?:\/\/[A-Za-z0-9.-]+(?::\d{1,5})?(?:[/?#][\x21-\x7e]*)?|\/(?![/\\])[\x21-\x7e]*)$/;

const redirectFields = v.object({
  /** A path, or an http or https address. */
  to: v.pipe(
    v.string(),
    v.regex(REDIRECT_TO, "must be a path such as /new, or an http(s) address"),
    v.maxLength(1024),
  ),
  status: v.optional(v.picklist([301, 302, 303, 307, 308]), 308),
  /** Whether path and query of the request are put behind `to`. */
  keepsPath: v.optional(v.boolean(), false),
});

export const RedirectSchema = v.pipe(
  redirectFields,
  v.check(
    ({ to, keepsPath }) => !keepsPath || !/[?#]/.test(to),
    "must be without ? and # when it keeps the path of the request",
  ),
);

/** What differs below one path of a host. The longest prefix wins; `/api` holds for `/api` and `/api/x`, not for `/apix`. */
export const PathRuleSchema = v.object({
  prefix: pathSchema,
  /** Another project of the same team; the route's own when absent. */
  projectId: v.optional(idSchema),
  targets: v.optional(targetsSchema, []),
  /** Whether the app sees the path without the prefix. */
  stripsPrefix: v.optional(v.boolean(), false),
  redirect: v.optional(v.nullable(RedirectSchema), null),
  /** Run after those of the whole host. */
  policies: v.optional(policyAttachmentsSchema, []),
});

const pathsSchema = v.pipe(
  v.array(PathRuleSchema),
  v.maxLength(64),
  v.check(
    (rules) => new Set(rules.map(({ prefix }) => normalPrefix(prefix))).size === rules.length,
    "must not have one prefix twice",
  ),
);

/** `routes/{host}`; fields this program does not read are ignored. */
export const RouteSchema = v.object({
  host: v.pipe(v.string(), v.minLength(1), v.maxLength(253), v.toLowerCase()),
  projectId: idSchema,
  /** Empty: the route follows `projects/{projectId}.liveDeploymentId`. */
  targets: v.optional(targetsSchema, []),
  stickiness: v.optional(StickinessSchema, { by: "address" }),
  redirect: v.optional(v.nullable(RedirectSchema), null),
  paths: v.optional(pathsSchema, []),
  policies: v.optional(policyAttachmentsSchema, []),
});

export type RouteTarget = v.InferOutput<typeof RouteTargetSchema>;
export type Stickiness = v.InferOutput<typeof StickinessSchema>;
export type Redirect = v.InferOutput<typeof RedirectSchema>;
export type Route = v.InferOutput<typeof RouteSchema>;

/** A complete picture at one moment; listeners get a new one for every change. */
export interface RouteTable {
  /** By lower-case host name without a port. */
  readonly routes: ReadonlyMap<string, Route>;
  /** Live deployment by project id; a project that was never live is absent. */
  readonly live: ReadonlyMap<string, string>;
  /** The deployment that was live before it, by project id. */
  readonly former: ReadonlyMap<string, string>;
  /** Whose each project is, by project id. */
  readonly teams: ReadonlyMap<string, string>;
  /** `projects/{id}.policies`, by project id; a project without is absent. */
  readonly projectPolicies: ReadonlyMap<string, readonly PolicyAttachment[]>;
  /** `settings/gateway.policies`. */
  readonly platformPolicies: readonly PolicyAttachment[];
}

export const EMPTY_ROUTE_TABLE: RouteTable = {
  routes: new Map(),
  live: new Map(),
  former: new Map(),
  teams: new Map(),
  projectPolicies: new Map(),
  platformPolicies: [],
};
