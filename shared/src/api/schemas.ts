/** The REST contract, shared by the API and its clients. Times are RFC 3339 strings on the wire. */
import * as v from "valibot";
import { TRIGGERS } from "../domain/deployment.ts";
import { failureSchema } from "../domain/failure.ts";
import { ALL_STATES } from "../domain/lifecycle.ts";

export const projectView = v.object({
  id: v.string(),
  name: v.string(),
  slug: v.string(),
  repository: v.string(),
  defaultBranch: v.string(),
  url: v.string(),
  liveDeploymentId: v.nullable(v.string()),
  liveNumber: v.number(),
  createdAt: v.string(),
});
export type ProjectView = v.InferOutput<typeof projectView>;

export const deploymentView = v.object({
  id: v.string(),
  projectId: v.string(),
  number: v.number(),
  commit: v.object({ sha: v.string(), message: v.string(), author: v.string() }),
  branch: v.string(),
  trigger: v.picklist(TRIGGERS),
  rollbackOf: v.nullable(v.string()),
  state: v.picklist(ALL_STATES),
  attempt: v.number(),
  stateSince: v.string(),
  createdAt: v.string(),
  imageDigest: v.nullable(v.string()),
  configHash: v.nullable(v.string()),
  url: v.nullable(v.string()),
  failure: v.nullable(failureSchema),
  retiredAt: v.nullable(v.string()),
});
export type DeploymentView = v.InferOutput<typeof deploymentView>;

/** One deployment asked for by its id. */
export const deploymentDetails = v.object({
  ...deploymentView.entries,
  /** How long it is watched from becoming healthy, as deploy.toml says it; null before that was read. */
  watch: v.nullable(v.string()),
});
export type DeploymentDetails = v.InferOutput<typeof deploymentDetails>;

export const transitionView = v.object({
  seq: v.number(),
  from: v.nullable(v.picklist(ALL_STATES)),
  to: v.picklist(ALL_STATES),
  by: v.string(),
  at: v.string(),
  attempt: v.number(),
  why: v.nullable(v.string()),
});
export type TransitionView = v.InferOutput<typeof transitionView>;

export const logView = v.object({
  id: v.string(),
  stream: v.picklist(["build", "deploy", "runtime"]),
  step: v.string(),
  lines: v.array(v.string()),
  at: v.string(),
});
export type LogView = v.InferOutput<typeof logView>;

/** One event of `GET /deployments/{id}/stream`; the SSE event name is `kind`. */
export const streamEvent = v.variant("kind", [
  v.object({ kind: v.literal("deployment"), deployment: deploymentView }),
  v.object({ kind: v.literal("transition"), transition: transitionView }),
  v.object({ kind: v.literal("log"), log: logView }),
]);
export type StreamEvent = v.InferOutput<typeof streamEvent>;

export const createProjectBody = v.strictObject({
  name: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(80)),
  repository: v.pipe(v.string(), v.maxLength(140)),
  slug: v.optional(v.pipe(v.string(), v.maxLength(40))),
  defaultBranch: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(200)), "main"),
});

export const createDeploymentBody = v.strictObject({
  /** Branch, tag or commit; the default branch when absent. */
  ref: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(200))),
});

export const rollbackBody = v.strictObject({
  /** Number or id of the release to go back to; the one before the live release when absent. */
  to: v.optional(
    v.union([v.pipe(v.number(), v.integer(), v.minValue(1)), v.pipe(v.string(), v.maxLength(40))]),
  ),
});

export const validateBody = v.strictObject({ source: v.pipe(v.string(), v.maxLength(70_000)) });

export const problemView = v.object({
  title: v.string(),
  status: v.number(),
  detail: v.string(),
  code: v.string(),
  facts: v.optional(v.record(v.string(), v.unknown()), {}),
});

export function page<Item extends v.GenericSchema>(item: Item) {
  return v.object({ items: v.array(item), nextCursor: v.nullable(v.string()) });
}
