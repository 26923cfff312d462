/** running → healthy once every replica's sidecar has seen it pass; the project's live pointer moves in the same commit. */
import { edge } from "@bifrost/shared/domain/lifecycle";
import type { LivePointer } from "@bifrost/shared/ports/deployment-store";
import * as v from "valibot";
import { decideHealth, type ReplicaReport } from "../decide-health.ts";
import { decideRollout } from "../decide-rollout.ts";
import { loadRelease, type Release } from "../load-release.ts";
import type { Ports } from "../ports.ts";
import { type Observation, recordObservation } from "../record-observation.ts";
import { makeMove, type TransitionHandler } from "../transition-call.ts";
import { watch } from "../watch-release.ts";

const MOVE = edge("running", "healthy");
const WINDOW_MS = 8_000;

type Needs = Pick<Ports, "deployments" | "projects" | "cluster" | "timers" | "clock" | "config">;

type Seen =
  | { readonly kind: "healthy"; readonly replicas: number }
  | ({ readonly kind: "broken" } & Observation);

export function createVerify(ports: Needs): TransitionHandler {
  return async (call) => {
    const release = await loadRelease(ports, call.deploymentId);
    const current = release.deployment.value;
    if (current.state !== MOVE.from || current.attempt !== call.attempt) {
      const { deployment } = await makeMove(ports.deployments, current.id, request(call.attempt));
      return { state: deployment.state, outcome: "healthy" };
    }
    const seen = await watch({ timers: ports.timers, windowMs: WINDOW_MS }, () =>
      look(ports, release),
    );
    if (seen === null) return { state: current.state, outcome: "waiting", pollAfterSeconds: 0.1 };
    if (seen.kind === "broken") {
      await recordObservation(ports, current, release.workload, seen);
      return { state: current.state, outcome: "failed", reason: seen.code };
    }
    const { deployment } = await makeMove(
      ports.deployments,
      current.id,
      request(call.attempt, { replicas: seen.replicas }),
      () => livePointer(ports, release),
    );
    return { state: deployment.state, outcome: "healthy" };
  };
}

function request(attempt: number, evidence?: Readonly<Record<string, unknown>>) {
  return {
    to: MOVE.to,
    by: "verify",
    attempt,
    ...(evidence === undefined ? {} : { evidence }),
  } as const;
}

const replicaSchema = v.object({
  pod: v.string(),
  consecutivePasses: v.number(),
  lastResult: v.string(),
  lastStatus: v.nullable(v.number()),
});

function readReplica(note: Readonly<Record<string, unknown>>): ReplicaReport[] {
  const parsed = v.safeParse(replicaSchema, note);
  return parsed.success ? [parsed.output] : [];
}

/** Null while nothing is decided. */
async function look(
  ports: Needs,
  { deployment, snapshot, workload }: Release,
): Promise<Seen | null> {
  const cluster = await ports.cluster();
  const [rollout, notes] = await Promise.all([
    cluster.inspect(workload),
    ports.deployments.replicas(deployment.value.id),
  ]);
  if (rollout === null) return null;
  const verdict = decideRollout(rollout);
  if (verdict.kind === "broken") return verdict;
  const health = decideHealth(
    rollout,
    notes.flatMap(readReplica),
    snapshot.config.scaling.minReplicas,
  );
  if (health.kind === "healthy") return health;
  const waited = ports.clock.now() - deployment.value.stateSince.getTime();
  if (waited < ports.config.healthTimeoutSeconds * 1000) return null;
  const seconds = Math.round(waited / 1000);
  const pod = rollout.pods.at(0)?.name ?? "";
  return {
    kind: "broken",
    code: "never-healthy",
    pod,
    words: `after ${seconds} s, ${health.words}`,
  };
}

/** Only a higher number takes over: an older release that becomes healthy late stays beside the live one. */
async function livePointer(ports: Needs, release: Release): Promise<LivePointer | undefined> {
  const project = await ports.projects.read(release.project.value.id);
  if (project === null || project.value.liveNumber >= release.deployment.value.number)
    return undefined;
  return { project };
}
