/** Lua policies as documents: what is stored of one, of its versions, and how it is attached to traffic. */
import * as v from "valibot";

/** Shipped with the gateway and never stored: `standard/rate-limit`. */
export const STANDARD_PREFIX = "standard/";

/** More source than this is refused everywhere: by the API, the store's reader and the VM. */
export const MAX_POLICY_SOURCE_BYTES = 64 * 1024;

const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

export const policyNameSchema = v.pipe(
  v.string(),
  v.regex(NAME, "must be 1 to 63 of a-z, 0-9 and -, and begin and end with a letter or digit"),
);

export const policyReferenceSchema = v.pipe(
  v.string(),
  v.check(
    (text) =>
      NAME.test(text.startsWith(STANDARD_PREFIX) ? text.slice(STANDARD_PREFIX.length) : text),
    "must be the name of a policy, such as `our-limits` or `standard/rate-limit`",
  ),
);

const SETTING_NAME = "is no name of a setting: a-z, 0-9 and _, and a letter first";

const configValueSchema = v.union([
  v.pipe(v.string(), v.maxLength(4096)),
  v.pipe(v.number(), v.finite()),
  v.boolean(),
  v.pipe(v.array(v.pipe(v.string(), v.maxLength(1024))), v.maxLength(256)),
]);
export type PolicyConfigValue = v.InferOutput<typeof configValueSchema>;

/** One use of a policy; the script sees `config` as its global of that name. */
export const policyAttachmentSchema = v.object({
  policy: policyReferenceSchema,
  config: v.optional(
    v.pipe(
      v.record(
        v.pipe(v.string(), v.regex(/^[a-z][a-z0-9_]{0,62}$/, SETTING_NAME)),
        configValueSchema,
      ),
      v.check((config) => Object.keys(config).length <= 32, "at most 32 settings"),
    ),
    {},
  ),
});
export type PolicyAttachment = v.InferOutput<typeof policyAttachmentSchema>;

/** Run in this order: those of the platform, of the project, of the route. */
export const policyAttachmentsSchema = v.pipe(v.array(policyAttachmentSchema), v.maxLength(16));

/** What a script is for: `request` handles traffic, `alert` judges samples of sidecars. */
export const POLICY_KINDS = ["request", "alert"] as const;
export type PolicyKind = (typeof POLICY_KINDS)[number];

export const VERDICTS = ["pending", "passed", "failed"] as const;

/** `policies/{name}/versions/{version}`: one pushed source and what its check found. */
export const policyVersionSchema = v.object({
  version: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** SHA-256 of source and tests, hexadecimal. */
  hash: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  bytes: v.number(),
  /** Objects in Cloud Storage; the second holds `*_test.lua`, if there is one. */
  object: v.string(),
  testObject: v.nullable(v.string()),
  createdAt: v.date(),
  by: v.string(),
  verdict: v.picklist(VERDICTS),
  /** In words: tests run, requests replayed, and what failed, with script, line and stack. */
  report: v.array(v.pipe(v.string(), v.maxLength(4096))),
  checkedAt: v.nullable(v.date()),
});
export type PolicyVersion = v.InferOutput<typeof policyVersionSchema>;

export const POLICY_EVENTS = [
  "push",
  "activate",
  "revert",
  "reverted",
  "disabled",
  "delete",
] as const;

/** One line of a policy's history; `reverted` and `disabled` are the gateway's own doing. */
export const policyEventSchema = v.object({
  at: v.date(),
  what: v.picklist(POLICY_EVENTS),
  version: v.number(),
  by: v.string(),
  why: v.nullable(v.string()),
});
export type PolicyEvent = v.InferOutput<typeof policyEventSchema>;

/** `policies/{name}`. */
export const policySchema = v.object({
  name: policyNameSchema,
  kind: v.picklist(POLICY_KINDS),
  /** null = the platform's: only administrators may change it. */
  teamId: v.nullable(v.string()),
  /** The version in service; null = none. */
  activeVersion: v.nullable(v.number()),
  /** The versions that were in service before, newest last; a revert goes to the last of them. */
  formerVersions: v.array(v.number()),
  nextVersion: v.number(),
  /** Why the gateway took the last version out of service by itself; null = it did not. */
  fault: v.nullable(v.string()),
  history: v.array(policyEventSchema),
  updatedAt: v.date(),
});
export type Policy = v.InferOutput<typeof policySchema>;

/** A script ready to be loaded, as it reaches the processes that run it. */
export interface PolicyScript {
  /** Reference as attachments use it. */
  readonly name: string;
  readonly kind: PolicyKind;
  /** 0 = shipped with the gateway. */
  readonly version: number;
  readonly source: string;
  /** Sees only what belongs to this team; absent = the platform's own, which sees everything. */
  readonly teamId?: string;
}
