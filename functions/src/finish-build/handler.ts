/** building → built once the build's image is known; wakes the workflow that waits for it, whatever came out. */
import type { Deployment } from "@bifrost/shared/domain/deployment";
import type { FailureCode } from "@bifrost/shared/domain/failure";
import {
  deploymentIdSchema,
  imageDigestSchema,
  type ImageDigest,
} from "@bifrost/shared/domain/ids";
import { edge } from "@bifrost/shared/domain/lifecycle";
import type { Build } from "@bifrost/shared/ports/image-builder";
import * as v from "valibot";
import { requireCaller, type CallerCheck } from "../caller.ts";
import { hasImage } from "../has-image.ts";
import type { Ports } from "../ports.ts";
import { readPush } from "../push-message.ts";
import { readJson } from "../read-body.ts";
import { json, type Service } from "../service.ts";
import { loadDeployment, makeMove, transitionCallSchema, updateNote } from "../transition-call.ts";
import { readToolchainFailure } from "./toolchain-failure.ts";

const MOVE = edge("building", "built");

type Needs = Pick<Ports, "deployments" | "images" | "workflows" | "log">;

export type FinishOutcome =
  | { readonly state: string; readonly status: "built" | "building" }
  | { readonly state: string; readonly status: "failed"; readonly reason: FailureCode };

/** Called by the workflow with ids, and by Pub/Sub with a build notice: both end in the same decision. */
export function finishBuildService(ports: Needs, callers: CallerCheck): Service {
  return async (request) => {
    const caller = await requireCaller(request, callers);
    if (caller.service !== "pubsub") {
      const call = await readJson(request, transitionCallSchema);
      return json(await finishBuild(ports, call.deploymentId, call.attempt));
    }
    const { attributes } = await readPush(request);
    return json(await onNotice(ports, attributes["buildId"] ?? ""));
  };
}

const IGNORED = { handled: false } as const;

/** A notice names a build; everything else about it is asked from Cloud Build itself. */
async function onNotice(ports: Needs, buildId: string): Promise<Readonly<Record<string, unknown>>> {
  const images = await ports.images();
  const build = buildId === "" ? null : await images.get(buildId);
  const id = v.safeParse(deploymentIdSchema, build?.deploymentId);
  if (build === null || build.attempt === null || !id.success) return IGNORED;
  const outcome = await settle(ports, id.output, build.attempt, build);
  if (outcome === null || outcome.status === "building") return IGNORED;
  const note = await ports.deployments.readNote(id.output, "internal/build");
  const callback = note?.value["attempt"] === build.attempt ? note.value["callback"] : null;
  if (typeof callback === "string") {
    const workflows = await ports.workflows();
    await workflows.callBack(callback, { status: outcome.status });
  }
  return { handled: true, ...outcome };
}

export async function finishBuild(
  ports: Needs,
  id: Deployment["id"],
  attempt: number,
): Promise<FinishOutcome> {
  const { value: deployment } = await loadDeployment(ports.deployments, id);
  if (deployment.state === MOVE.from && deployment.attempt === attempt && hasImage(deployment)) {
    return reuseImage(ports, deployment);
  }
  const note = await ports.deployments.readNote(id, "internal/build");
  const buildId = note?.value["attempt"] === attempt ? note.value["buildId"] : undefined;
  const images = await ports.images();
  const build =
    typeof buildId === "string" ? await images.get(buildId) : await images.find(id, attempt);
  if (build !== null) {
    const outcome = await settle(ports, id, attempt, build);
    if (outcome !== null) return outcome;
  }
  if (deployment.state === MOVE.from) return { state: deployment.state, status: "building" };
  const { deployment: current } = await makeMove(ports.deployments, id, {
    to: MOVE.to,
    by: "finish-build",
    attempt,
  });
  return { state: current.state, status: "built" };
}

/** A rollback or a retry: the digest is stored already, no build ran. */
async function reuseImage(ports: Needs, deployment: Deployment): Promise<FinishOutcome> {
  const { rollbackOf } = deployment.source;
  const origin = rollbackOf === null ? null : await ports.deployments.read(rollbackOf);
  const digest = deployment.imageDigest ?? origin?.value.imageDigest ?? null;
  if (digest === null)
    return { state: deployment.state, status: "failed", reason: "image-missing" };
  return built(ports, deployment.id, deployment.attempt, digest, { reused: true });
}

/** Null when the build does not concern the deployment any more. */
async function settle(
  ports: Needs,
  id: Deployment["id"],
  attempt: number,
  build: Build,
): Promise<FinishOutcome | null> {
  const { value: deployment } = await loadDeployment(ports.deployments, id);
  if (deployment.attempt !== attempt) return null;
  if (build.status === "pending" || build.status === "working")
    return { state: deployment.state, status: "building" };
  if (deployment.state !== MOVE.from) return null;
  const digest = digestOf(build);
  if (build.status === "succeeded" && digest !== null) {
    return built(ports, id, attempt, digest, { buildId: build.id });
  }
  const missing = readToolchainFailure(build.detail, await lastBuildLines(ports, id));
  const reason = build.status === "timed-out" ? "build-timeout" : (missing ?? "build-failed");
  await updateNote(ports.deployments, id, "internal/build", (note) => ({
    ...note,
    status: build.status,
    detail: build.detail,
  }));
  return { state: deployment.state, status: "failed", reason };
}

async function built(
  ports: Needs,
  id: Deployment["id"],
  attempt: number,
  imageDigest: ImageDigest,
  evidence: Readonly<Record<string, unknown>>,
): Promise<FinishOutcome> {
  const { deployment } = await makeMove(ports.deployments, id, {
    to: MOVE.to,
    by: "finish-build",
    attempt,
    fields: { imageDigest },
    evidence,
  });
  return { state: deployment.state, status: "built" };
}

/** Of the image the builder pushed, or else what the last step with an output wrote: that step is pack. */
function digestOf(build: Build): ImageDigest | null {
  const text = build.pushed[0] ?? build.outputs.findLast((output) => output.trim() !== "")?.trim();
  const parsed = v.safeParse(imageDigestSchema, text);
  return parsed.success ? parsed.output : null;
}

async function lastBuildLines(ports: Needs, id: Deployment["id"]): Promise<readonly string[]> {
  const chunks = await ports.deployments.lastLogs(id, "build", 5);
  return chunks.flatMap((chunk) => chunk.lines);
}
