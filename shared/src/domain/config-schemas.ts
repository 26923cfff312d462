/** What a document of each kind holds, where it is written by hand and nothing else checks it. */
import * as v from "valibot";
import type { ConfigKind } from "./config-document.ts";
import {
  MAX_POLICY_SOURCE_BYTES,
  POLICY_KINDS,
  policyAttachmentsSchema,
  policyNameSchema,
} from "./policy.ts";
import { RouteSchema } from "./route.ts";

const nameSchema = v.pipe(v.string(), v.minLength(1), v.maxLength(128));
const deploymentSchema = v.optional(v.nullable(nameSchema), null);

const projectSchema = v.strictObject({
  teamId: v.optional(nameSchema),
  liveDeploymentId: deploymentSchema,
  /** Serves while the live one has no replica that is ready. */
  formerDeploymentId: deploymentSchema,
  policies: v.optional(policyAttachmentsSchema, []),
});

const settingsSchema = v.strictObject({ policies: v.optional(policyAttachmentsSchema, []) });

/** A policy whose source stands in the document itself: nobody pushes versions of it, each change is one. */
export const inlinePolicySchema = v.strictObject({
  kind: v.optional(v.picklist(POLICY_KINDS), "request"),
  source: v.pipe(v.string(), v.maxBytes(MAX_POLICY_SOURCE_BYTES)),
  /** null = the platform's: it sees everybody's requests. */
  teamId: v.optional(v.nullable(nameSchema), null),
});

/** Replicas of a deployment that no cluster runs: each `host:port`. */
export const staticBackendsSchema = v.strictObject({
  projectId: v.optional(v.pipe(v.string(), v.maxLength(128)), ""),
  ready: v.pipe(
    v.array(
      v.strictObject({
        address: v.pipe(
          v.string(),
          v.regex(/^(?:[\w.-]{1,253}|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/, "must be host:port"),
        ),
        replica: v.optional(v.pipe(v.string(), v.maxLength(253)), ""),
      }),
    ),
    v.maxLength(1024),
  ),
});

interface KindOfDocument {
  readonly id: v.GenericSchema<string, string>;
  readonly value: v.GenericSchema<unknown, object>;
}

const textId = v.pipe(v.string(), v.regex(/^[\w.:-]{1,253}$/, "must be a name"));

export const DOCUMENT_SCHEMAS: Readonly<Record<ConfigKind, KindOfDocument>> = {
  routes: {
    id: v.pipe(textId, v.regex(/^[^A-Z]*$/, "must be a host name in lower case")),
    value: v.strictObject(v.omit(RouteSchema, ["host"]).entries),
  },
  projects: { id: textId, value: projectSchema },
  settings: { id: v.picklist(["gateway"], "must be gateway"), value: settingsSchema },
  policies: { id: policyNameSchema, value: inlinePolicySchema },
  backends: { id: textId, value: staticBackendsSchema },
};
