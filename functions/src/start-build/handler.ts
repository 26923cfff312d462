/** A message on `build-requests` becomes exactly one build: claimed first, looked up by tag, created last. */
import { parseCanonicalConfig } from "@bifrost/shared/app-config/canonical";
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { BifrostError } from "@bifrost/shared/domain/errors";
import { deploymentIdSchema } from "@bifrost/shared/domain/ids";
import { edge } from "@bifrost/shared/domain/lifecycle";
import type { Note } from "@bifrost/shared/ports/deployment-store";
import type { Build } from "@bifrost/shared/ports/image-builder";
import type { StoredObject } from "@bifrost/shared/ports/object-store";
import * as v from "valibot";
import type { Ports } from "../ports.ts";
import type { PushMessage } from "../push-message.ts";
import { loadDeployment, updateNote } from "../transition-call.ts";
import { buildSteps, imagesToPush } from "./build-steps.ts";

export const buildRequestSchema = v.object({
  deploymentId: deploymentIdSchema,
  attempt: v.pipe(v.number(), v.integer(), v.minValue(1)),
});
export type BuildRequestMessage = v.InferOutput<typeof buildRequestSchema>;

/** The state a build may be started in. */
const BUILDING = edge("building", "built").from;
/** A build may take half an hour; the lifecycle's deadline for `building` is five minutes longer. */
const BUILD_TIMEOUT_SECONDS = 1800;
/** A claim older than this belongs to a call that died between claiming and creating. */
const CLAIM_LIFETIME_MS = 60_000;

type Needs = Pick<
  Ports,
  "deployments" | "projects" | "sourceHost" | "objects" | "images" | "config" | "clock" | "log"
>;

export function createStartBuild(ports: Needs) {
  return async (request: BuildRequestMessage, message: PushMessage) => {
    const { value: deployment } = await loadDeployment(ports.deployments, request.deploymentId);
    if (!isWaiting(deployment, request)) return { started: false };
    const claimed = await updateNote(ports.deployments, deployment.id, "internal/build", (note) =>
      decideBuildClaim(note, { attempt: request.attempt, by: message.id, now: ports.clock.now() }),
    );
    if (typeof claimed?.["buildId"] === "string")
      return { started: false, buildId: claimed["buildId"] };

    const images = await ports.images();
    const build =
      (await images.find(deployment.id, request.attempt)) ?? (await startBuild(ports, deployment));
    await updateNote(ports.deployments, deployment.id, "internal/build", (note) =>
      note["attempt"] === request.attempt ? { ...note, buildId: build.id } : null,
    );
    const { value: after } = await loadDeployment(ports.deployments, deployment.id);
    // Cancelled meanwhile: whoever failed the deployment could not know this build's id.
    if (after.state === "failed" || after.attempt !== request.attempt)
      await images.cancel(build.id);
    return { started: true, buildId: build.id };
  };
}

function isWaiting(deployment: Deployment, request: BuildRequestMessage): boolean {
  return deployment.state === BUILDING && deployment.attempt === request.attempt;
}

interface BuildClaim {
  readonly attempt: number;
  /** Message id: a redelivery of the same message may go on where the first delivery died. */
  readonly by: string;
  readonly now: number;
}

/** Null = a build exists; throws `not-ready` while another delivery is at work, so that this one comes again. */
export function decideBuildClaim(note: Note, claim: BuildClaim): Note | null {
  const same = note["attempt"] === claim.attempt ? note : {};
  if (typeof same["buildId"] === "string") return null;
  const age = claim.now - Number(same["claimedAt"] ?? 0);
  if (
    typeof same["claimedBy"] === "string" &&
    same["claimedBy"] !== claim.by &&
    age < CLAIM_LIFETIME_MS
  ) {
    throw new BifrostError("not-ready", "another delivery is starting this build");
  }
  return { ...same, attempt: claim.attempt, claimedBy: claim.by, claimedAt: claim.now };
}

async function startBuild(ports: Needs, deployment: Deployment): Promise<Build> {
  const snapshot = await ports.deployments.readNote(deployment.id, "snapshot/config");
  if (snapshot === null)
    throw new BifrostError("not-ready", "the deployment has no config snapshot");
  const config = parseCanonicalConfig(String(snapshot.value["config"]));
  const settings = {
    toolchains: ports.config.toolchains,
    packImage: ports.config.packImage,
    target: `${ports.config.registry}/${deployment.projectId}:${deployment.id}-${deployment.attempt}`,
    labels: {},
  };
  const images = await ports.images();
  return images.start({
    deploymentId: deployment.id,
    attempt: deployment.attempt,
    source: await sourceArchive(ports, deployment),
    steps: buildSteps(config, settings),
    images: imagesToPush(config, settings),
    timeoutSeconds: BUILD_TIMEOUT_SECONDS,
  });
}

async function sourceArchive(ports: Needs, deployment: Deployment): Promise<StoredObject> {
  const objects = await ports.objects();
  const name = `sources/${deployment.projectId}/${deployment.commit.sha}.tar.gz`;
  const stored = await objects.find(ports.config.sourceBucket, name);
  if (stored !== null) return stored;
  const project = await ports.projects.read(deployment.projectId);
  if (project === null)
    throw new BifrostError("not-found", `project ${deployment.projectId} was deleted`);
  const source = await ports.sourceHost();
  const tarball = await source.tarball(project.value.repository, deployment.commit.sha);
  return objects.put(ports.config.sourceBucket, name, tarball);
}
