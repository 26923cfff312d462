/** The REST contract of policies. Times are RFC 3339 strings on the wire. */
import * as v from "valibot";
import {
  MAX_POLICY_SOURCE_BYTES,
  POLICY_EVENTS,
  POLICY_KINDS,
  policyAttachmentsSchema,
  policyNameSchema,
  VERDICTS,
} from "../domain/policy.ts";

/** Whose a policy is: a team's, the platform's, or shipped with the gateway. */
const scope = v.picklist(["team", "platform", "standard"]);

export const policyView = v.object({
  name: v.string(),
  kind: v.picklist(POLICY_KINDS),
  scope,
  /** null = none in service; 0 = as shipped. */
  activeVersion: v.nullable(v.number()),
  /** null = as shipped. */
  newestVersion: v.nullable(v.number()),
  /** Why the gateway took the last version out of service by itself. */
  fault: v.nullable(v.string()),
  /** What a shipped policy does. */
  about: v.nullable(v.string()),
  updatedAt: v.nullable(v.string()),
});
export type PolicyView = v.InferOutput<typeof policyView>;

export const policyVersionView = v.object({
  version: v.number(),
  hash: v.string(),
  bytes: v.number(),
  hasTest: v.boolean(),
  createdAt: v.string(),
  by: v.string(),
  verdict: v.picklist(VERDICTS),
  report: v.array(v.string()),
  checkedAt: v.nullable(v.string()),
});
export type PolicyVersionView = v.InferOutput<typeof policyVersionView>;

const policyEventView = v.object({
  at: v.string(),
  what: v.picklist(POLICY_EVENTS),
  version: v.number(),
  by: v.string(),
  why: v.nullable(v.string()),
});

/** One policy asked for by its name; newest version first, oldest event first. */
export const policyDetails = v.object({
  ...policyView.entries,
  formerVersions: v.array(v.number()),
  versions: v.array(policyVersionView),
  history: v.array(policyEventView),
});
export type PolicyDetails = v.InferOutput<typeof policyDetails>;

/** Answer to a push: the version may be one that was there already. */
export const pushedPolicy = v.object({ policy: policyView, version: policyVersionView });
export type PushedPolicy = v.InferOutput<typeof pushedPolicy>;

export const policyLogView = v.object({
  id: v.string(),
  lines: v.array(v.object({ at: v.string(), version: v.number(), text: v.string() })),
});
export type PolicyLogView = v.InferOutput<typeof policyLogView>;

/** Also the body of a PUT, which replaces all of them. */
export const attachedPolicies = v.strictObject({ policies: policyAttachmentsSchema });

const sourceText = v.pipe(
  v.string(),
  v.maxBytes(MAX_POLICY_SOURCE_BYTES, `must have at most ${MAX_POLICY_SOURCE_BYTES} bytes`),
);

export const pushPolicyBody = v.strictObject({
  name: policyNameSchema,
  kind: v.optional(v.picklist(POLICY_KINDS), "request"),
  source: v.pipe(sourceText, v.minLength(1, "must not be empty")),
  /** Functions `test_*`, run before the version may serve. */
  test: v.optional(sourceText),
  scope: v.optional(v.picklist(["team", "platform"]), "team"),
});
export type PushPolicyBody = v.InferOutput<typeof pushPolicyBody>;

export const activatePolicyBody = v.strictObject({
  version: v.pipe(v.number(), v.integer(), v.minValue(1)),
});
