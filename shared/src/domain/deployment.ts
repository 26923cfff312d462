/** One attempt series to bring one commit to healthy: the document everything turns around. */
import * as v from "valibot";
import { failureSchema } from "./failure.ts";
import {
  commitShaSchema,
  deploymentIdSchema,
  imageDigestSchema,
  projectIdSchema,
  type DeploymentId,
} from "./ids.ts";
import { ALL_STATES } from "./lifecycle.ts";

const timeSchema = v.date();

export const commitSchema = v.object({
  sha: commitShaSchema,
  message: v.string(),
  author: v.string(),
});
export type Commit = v.InferOutput<typeof commitSchema>;

/** What a deployment came from; `restore`: the platform puts back the release before one that failed in its watch window. */
export const TRIGGERS = ["push", "api", "rollback", "redeploy", "restore"] as const;

export const sourceSchema = v.object({
  /** `commit`: built from git. `rollback`: the snapshot and image of an earlier deployment. */
  kind: v.picklist(["commit", "rollback"]),
  rollbackOf: v.nullable(deploymentIdSchema),
});

/** Fields of `deployments/{deploymentId}`. */
export const deploymentSchema = v.object({
  projectId: projectIdSchema,
  teamId: v.string(),
  /** Counts the deployments of a project from 1; what people call it by. */
  number: v.pipe(v.number(), v.integer(), v.minValue(1)),
  commit: commitSchema,
  branch: v.string(),
  trigger: v.picklist(TRIGGERS),
  source: sourceSchema,
  state: v.picklist(ALL_STATES),
  /** Number of moves so far, creation included; names the newest `transitions/{seq}`. */
  seq: v.pipe(v.number(), v.integer(), v.minValue(1)),
  attempt: v.pipe(v.number(), v.integer(), v.minValue(1)),
  stateSince: timeSchema,
  createdAt: timeSchema,
  createdBy: v.string(),
  configHash: v.nullable(v.string()),
  imageDigest: v.nullable(imageDigestSchema),
  manifestsHash: v.nullable(v.string()),
  url: v.nullable(v.string()),
  failure: v.nullable(failureSchema),
  retiredAt: v.nullable(timeSchema),
});
export type DeploymentFields = v.InferOutput<typeof deploymentSchema>;
export type Deployment = DeploymentFields & { readonly id: DeploymentId };

/** Fields of `deployments/{id}/transitions/{seq}`: append-only; audit trail and outbox. */
export const transitionSchema = v.object({
  from: v.nullable(v.picklist(ALL_STATES)),
  to: v.picklist(ALL_STATES),
  by: v.string(),
  at: timeSchema,
  attempt: v.number(),
  seq: v.number(),
  why: v.nullable(v.string()),
  evidence: v.nullable(v.record(v.string(), v.unknown())),
});
export type Transition = v.InferOutput<typeof transitionSchema>;

/** `7` → `"000007"`: transitions sort by document name. */
export function transitionId(seq: number): string {
  return String(seq).padStart(6, "0");
}
