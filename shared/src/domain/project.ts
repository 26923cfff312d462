/** A registered repository and its settings. */
import * as v from "valibot";
import { deploymentIdSchema, repositorySchema, slugSchema, type ProjectId } from "./ids.ts";
import { policyAttachmentsSchema } from "./policy.ts";

/** Fields of `projects/{projectId}`. */
export const projectSchema = v.object({
  name: v.string(),
  slug: slugSchema,
  repository: repositorySchema,
  defaultBranch: v.string(),
  teamId: v.string(),
  settings: v.record(v.string(), v.unknown()),
  /** The release the project's URL serves; moved only with `running → healthy`. */
  liveDeploymentId: v.nullable(deploymentIdSchema),
  /** The release it served before; absent in projects stored before the rules asked for it. */
  formerDeploymentId: v.optional(v.nullable(deploymentIdSchema), null),
  /** Number of the live release; it only rises. */
  liveNumber: v.pipe(v.number(), v.integer(), v.minValue(0)),
  /** The deployment that took the last number; absent in projects stored before the rules asked for it. */
  newestDeploymentId: v.optional(v.nullable(deploymentIdSchema), null),
  nextNumber: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** Policies for all hosts of the project, in order; absent = none. */
  policies: v.optional(policyAttachmentsSchema),
  createdAt: v.date(),
  updatedAt: v.date(),
});
export type ProjectFields = v.InferOutput<typeof projectSchema>;
export type Project = ProjectFields & { readonly id: ProjectId };
