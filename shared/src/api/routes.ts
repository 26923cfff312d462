/** The REST contract of routes and domains. */
import * as v from "valibot";
import { policyAttachmentsSchema } from "../domain/policy.ts";
import {
  PathRuleSchema,
  RedirectSchema,
  RouteTargetSchema,
  StickinessSchema,
} from "../domain/route.ts";

const { weight, name } = RouteTargetSchema.entries;

const targetBody = v.strictObject({
  /** Number or id of a deployment, or `live`. */
  deployment: v.union([
    v.pipe(v.number(), v.integer(), v.minValue(1)),
    v.pipe(v.string(), v.minLength(1), v.maxLength(40)),
  ]),
  weight: v.optional(weight, 1),
  name,
});
export type TargetBody = v.InferInput<typeof targetBody>;

const targetsBody = v.optional(v.pipe(v.array(targetBody), v.maxLength(16)), []);

const pathBody = v.strictObject({
  prefix: PathRuleSchema.entries.prefix,
  /** Another project of the same team, by slug or id. */
  project: v.optional(v.pipe(v.string(), v.maxLength(40))),
  targets: targetsBody,
  stripsPrefix: PathRuleSchema.entries.stripsPrefix,
  redirect: v.optional(v.nullable(RedirectSchema), null),
  policies: v.optional(policyAttachmentsSchema, []),
});

/** Replaces the whole route; `{}` follows the live release. */
export const routeBody = v.strictObject({
  targets: targetsBody,
  stickiness: v.optional(StickinessSchema, { by: "address" }),
  redirect: v.optional(v.nullable(RedirectSchema), null),
  paths: v.optional(v.pipe(v.array(pathBody), v.maxLength(64)), []),
  policies: v.optional(policyAttachmentsSchema, []),
});
export type RouteBody = v.InferInput<typeof routeBody>;

const targetView = v.object({
  /** Id or `live`. */
  deployment: v.string(),
  /** null for `live`, and for a deployment that is gone. */
  number: v.nullable(v.number()),
  weight: v.number(),
  name: v.nullable(v.string()),
});
export type TargetView = v.InferOutput<typeof targetView>;

const redirectView = v.nullable(
  v.object({ to: v.string(), status: v.number(), keepsPath: v.boolean() }),
);

const pathView = v.object({
  prefix: v.string(),
  /** Slug; null = the route's own project. */
  project: v.nullable(v.string()),
  targets: v.array(targetView),
  stripsPrefix: v.boolean(),
  redirect: redirectView,
  policies: policyAttachmentsSchema,
});

export const routeView = v.object({
  host: v.string(),
  kind: v.picklist(["own", "extra", "custom"]),
  url: v.string(),
  /** Empty: the project's live release. */
  targets: v.array(targetView),
  stickiness: StickinessSchema,
  redirect: redirectView,
  paths: v.array(pathView),
  policies: policyAttachmentsSchema,
  /** The ETag, for If-Match. */
  version: v.string(),
});
export type RouteView = v.InferOutput<typeof routeView>;

export const addDomainBody = v.strictObject({
  domain: v.pipe(v.string(), v.minLength(1), v.maxLength(300)),
});

export const domainView = v.object({
  domain: v.string(),
  verifiedAt: v.nullable(v.string()),
  createdAt: v.string(),
  /** What must be in DNS for `verify` to pass. */
  record: v.object({ type: v.literal("TXT"), name: v.string(), value: v.string() }),
});
export type DomainView = v.InferOutput<typeof domainView>;
