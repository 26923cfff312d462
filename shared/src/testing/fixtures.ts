/** Builders of valid documents for tests: state what matters, the rest is filled in. */
import * as v from "valibot";
import type { Deployment } from "../domain/deployment.ts";
import {
  commitShaSchema,
  deploymentIdSchema,
  projectIdSchema,
  repositorySchema,
  slugSchema,
} from "../domain/ids.ts";
import type { PolicyVersion } from "../domain/policy.ts";
import type { Project } from "../domain/project.ts";
import type { Replica } from "../domain/replica.ts";
import { RouteSchema, type Route } from "../domain/route.ts";

const EPOCH = new Date("2026-01-01T00:00:00.000Z");

export function newDeployment(changes: Partial<Deployment> = {}): Deployment {
  return {
    id: v.parse(deploymentIdSchema, "depaaaaaaaaaaa"),
    projectId: v.parse(projectIdSchema, "proaaaaaaaaaaa"),
    teamId: "team",
    number: 1,
    commit: {
      sha: v.parse(commitShaSchema, "a".repeat(40)),
      message: "first commit",
      author: "Ada",
    },
    branch: "main",
    trigger: "push",
    source: { kind: "commit", rollbackOf: null },
    state: "queued",
    seq: 1,
    attempt: 1,
    stateSince: EPOCH,
    createdAt: EPOCH,
    createdBy: "user",
    configHash: null,
    imageDigest: null,
    manifestsHash: null,
    url: null,
    failure: null,
    retiredAt: null,
    ...changes,
  };
}

/** Follows the live release unless the changes say otherwise. */
export function newRoute(changes: Partial<v.InferInput<typeof RouteSchema>> = {}): Route {
  return v.parse(RouteSchema, { host: "app.apps.test", projectId: "proaaaaaaaaaaa", ...changes });
}

export function newProject(changes: Partial<Project> = {}): Project {
  return {
    id: v.parse(projectIdSchema, "proaaaaaaaaaaa"),
    name: "app",
    slug: v.parse(slugSchema, "app"),
    repository: v.parse(repositorySchema, "local/app"),
    defaultBranch: "main",
    teamId: "team",
    settings: {},
    liveDeploymentId: null,
    formerDeploymentId: null,
    liveNumber: 0,
    newestDeploymentId: null,
    nextNumber: 1,
    createdAt: EPOCH,
    updatedAt: EPOCH,
    ...changes,
  };
}

/** A healthy replica as its collector stores it. */
export function newReplica(changes: Partial<Replica> = {}): Replica {
  const at = EPOCH.getTime();
  return {
    pod: "app-1",
    boot: 1000,
    healthy: true,
    proven: true,
    verdictMs: 0,
    consecutivePasses: 2,
    lastResult: "ok",
    lastStatus: 200,
    lastBody: null,
    connectMs: 1,
    latencyMs: 3,
    cpuMillicores: null,
    memoryBytes: 1024,
    descriptors: null,
    threads: 4,
    restarts: 0,
    at,
    seq: 1,
    receivedAt: at,
    expireAt: at + 15_000,
    ...changes,
  };
}

export function newPolicyVersion(changes: Partial<PolicyVersion> = {}): PolicyVersion {
  const hash = changes.hash ?? "a".repeat(64);
  return {
    version: 1,
    hash,
    bytes: 20,
    object: `policies/limits/${hash}.lua`,
    testObject: null,
    createdAt: EPOCH,
    by: "ada",
    verdict: "pending",
    report: [],
    checkedAt: null,
    ...changes,
  };
}
