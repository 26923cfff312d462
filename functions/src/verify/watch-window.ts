/** One look at a release that became healthy a short while ago. */
import type { Deployment } from "@bifrost/shared/domain/deployment";
import type { Rollout } from "@bifrost/shared/ports/cluster";
import * as v from "valibot";
import type { Release } from "../load-release.ts";
import type { Ports } from "../ports.ts";
import { recordObservation } from "../record-observation.ts";
import { readReports } from "../replica-report.ts";
import {
  decideWatch,
  isWatched,
  nextLookSeconds,
  UNHEALTHY_MS,
  type WatchVerdict,
} from "./decide-watch.ts";
import { watchPage } from "./watch-page.ts";

type Needs = Pick<Ports, "deployments" | "cluster" | "clock" | "config" | "pages" | "timers">;

const REASON = "unhealthy-after-release";

const RESTARTS = "restarts";
const restartsSchema = v.record(v.string(), v.number());

/** What the move to healthy keeps of the pods, so that later restarts can be told from earlier ones. */
export function restartsEvidence(rollout: Rollout): Readonly<Record<string, unknown>> {
  const restarted = rollout.pods.filter((pod) => pod.restarts > 0);
  if (restarted.length === 0) return {};
  return { [RESTARTS]: Object.fromEntries(restarted.map((pod) => [pod.name, pod.restarts])) };
}

/** The workflow's answer: failed, or healthy and, while the window lasts, when to look again. */
export async function lookInWindow(
  ports: Needs,
  release: Release,
): Promise<Readonly<Record<string, unknown>>> {
  const { project, snapshot, workload } = release;
  const deployment = release.deployment.value;
  const { state } = deployment;
  const over = { state, outcome: "healthy" };
  const now = ports.clock.now();
  const age = now - deployment.stateSince.getTime();
  const watchMs = snapshot.config.health.watch.ms;
  // Another release took over, or this one never did: what becomes of its replicas concerns nobody.
  const isLive = project.value.liveDeploymentId === deployment.id;
  if (!isLive || !isWatched(age, watchMs)) return over;

  const isSite = snapshot.config.runtime === "static";
  const verdict = await (isSite ? watchPage(ports, release) : watchReplicas(ports, release, now));
  if (verdict.kind === "broken") {
    await recordObservation(ports, deployment, workload, { ...verdict, code: REASON });
    return { state, outcome: "failed", reason: REASON };
  }
  const next = nextLookSeconds(verdict.kind, age, watchMs);
  return next === null ? over : { ...over, pollAfterSeconds: next };
}

async function watchReplicas(
  ports: Needs,
  { deployment: { value: deployment }, snapshot, workload }: Release,
  now: number,
): Promise<WatchVerdict> {
  const { health, resources } = snapshot.config;
  const { interval, timeout } = health;
  const cluster = await ports.cluster();
  const [rollout, notes] = await Promise.all([
    cluster.inspect(workload),
    ports.deployments.replicas(deployment.id),
  ]);
  return decideWatch({
    rollout: rollout ?? { desired: 0, stalled: false, pods: [] },
    reports: readReports(notes, now),
    restartsBefore: await restartsBefore(ports, deployment, rollout),
    startTimeoutMs: ports.config.healthTimeoutSeconds * 1000,
    returnTimeoutMs: UNHEALTHY_MS + interval.ms + timeout.ms,
    memoryLimit: resources.memory.text,
    now,
  });
}

/** Read only when something restarted at all. */
async function restartsBefore(
  ports: Needs,
  deployment: Deployment,
  rollout: Rollout | null,
): Promise<ReadonlyMap<string, number>> {
  if (rollout === null || rollout.pods.every((pod) => pod.restarts === 0)) return new Map();
  const transitions = await ports.deployments.transitions(deployment.id);
  const arrival = transitions.find(({ seq }) => seq === deployment.seq);
  const parsed = v.safeParse(restartsSchema, arrival?.evidence?.[RESTARTS]);
  return new Map(parsed.success ? Object.entries(parsed.output) : []);
}
