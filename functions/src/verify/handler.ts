/**
 * running → healthy once every replica's sidecar has seen it pass, or the gateway has answered a site's page; the project's
 * live pointer moves in the same commit.
 * Called again for a release that is healthy, it looks at it once, for as long as the watch window lasts.
 */
import { edge } from "@bifrost/shared/domain/lifecycle";
import type { LivePointer } from "@bifrost/shared/ports/deployment-store";
import { decideHealth } from "../decide-health.ts";
import { decideRollout } from "../decide-rollout.ts";
import { loadRelease, type Release } from "../load-release.ts";
import type { Ports } from "../ports.ts";
import { type Observation, recordObservation } from "../record-observation.ts";
import { readReports } from "../replica-report.ts";
import { makeMove, type TransitionHandler } from "../transition-call.ts";
import { watch } from "../watch-release.ts";
import { askForPage } from "./ask-for-page.ts";
import { nextLookSeconds } from "./decide-watch.ts";
import { lookInWindow, restartsEvidence } from "./watch-window.ts";

const MOVE = edge("running", "healthy");
const WINDOW_MS = 8_000;

type Needs = Pick<
  Ports,
  "deployments" | "projects" | "cluster" | "timers" | "clock" | "config" | "pages"
>;

type Seen =
  | { readonly kind: "healthy"; readonly evidence: Readonly<Record<string, unknown>> }
  | ({ readonly kind: "broken" } & Observation);

export function createVerify(ports: Needs): TransitionHandler {
  return async (call) => {
    const release = await loadRelease(ports, call.deploymentId);
    const current = release.deployment.value;
    if (current.state === MOVE.to && current.attempt === call.attempt)
      return lookInWindow(ports, release);
    if (current.state !== MOVE.from || current.attempt !== call.attempt) {
      const { deployment } = await makeMove(ports.deployments, current.id, request(call.attempt));
      return { state: deployment.state, outcome: "healthy" };
    }
    const isSite = release.snapshot.config.runtime === "static";
    const look = isSite ? lookAtPage(ports, release) : () => lookAtReplicas(ports, release);
    const seen = await watch({ timers: ports.timers, windowMs: WINDOW_MS }, look);
    if (seen === null) return { state: current.state, outcome: "waiting", pollAfterSeconds: 0.1 };
    if (seen.kind === "broken") {
      await recordObservation(ports, current, release.workload, seen);
      return { state: current.state, outcome: "failed", reason: seen.code };
    }
    const { deployment } = await makeMove(
      ports.deployments,
      current.id,
      request(call.attempt, seen.evidence),
      () => livePointer(ports, release),
    );
    const next = nextLookSeconds("well", 0, release.snapshot.config.health.watch.ms);
    const answer = { state: deployment.state, outcome: "healthy" };
    return next === null ? answer : { ...answer, pollAfterSeconds: next };
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

/** Counts passes in a row from one look to the next; null while nothing is decided. */
function lookAtPage(ports: Needs, release: Release): () => Promise<Seen | null> {
  const { path, successThreshold } = release.snapshot.config.health;
  let passes = 0;
  return async () => {
    const verdict = await askForPage(ports, release);
    passes = verdict.kind === "passed" ? passes + 1 : 0;
    if (passes >= successThreshold) return { kind: "healthy", evidence: { page: path, passes } };
    if (verdict.kind === "passed") return null;
    return tooLate(ports, release, { pod: "", words: verdict.words });
  };
}

/** Null while nothing is decided. */
async function lookAtReplicas(ports: Needs, release: Release): Promise<Seen | null> {
  const { deployment, snapshot, workload } = release;
  const cluster = await ports.cluster();
  const [rollout, notes] = await Promise.all([
    cluster.inspect(workload),
    ports.deployments.replicas(deployment.value.id),
  ]);
  if (rollout === null) return null;
  const started = decideRollout(rollout);
  if (started.kind === "broken") return started;
  const { scaling, health } = snapshot.config;
  const needs = { minReplicas: scaling.minReplicas, passes: health.successThreshold };
  const verdict = decideHealth(rollout, readReports(notes, ports.clock.now()), needs);
  if (verdict.kind === "healthy") {
    const evidence = { replicas: verdict.replicas, ...restartsEvidence(rollout) };
    return { kind: "healthy", evidence };
  }
  const pod = verdict.pod ?? rollout.pods.at(0)?.name ?? "";
  return tooLate(ports, release, { pod, words: verdict.words });
}

/** What is seen now is the cause once the time to become healthy is over; null before. */
function tooLate(
  ports: Needs,
  { deployment }: Release,
  { pod, words }: Pick<Observation, "pod" | "words">,
): Seen | null {
  const waited = ports.clock.now() - deployment.value.stateSince.getTime();
  if (waited < ports.config.healthTimeoutSeconds * 1000) return null;
  const seconds = Math.round(waited / 1000);
  return { kind: "broken", code: "never-healthy", pod, words: `after ${seconds} s, ${words}` };
}

/** Only a higher number takes over: an older release that becomes healthy late stays beside the live one. */
async function livePointer(ports: Needs, release: Release): Promise<LivePointer | undefined> {
  const project = await ports.projects.read(release.project.value.id);
  if (project === null || project.value.liveNumber >= release.deployment.value.number)
    return undefined;
  return { project };
}
