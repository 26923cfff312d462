/** deploying → running once the app's containers run, or a site's files are all there; says in words why not. */
import { edge } from "@bifrost/shared/domain/lifecycle";
import { decideRollout, type RolloutVerdict } from "../decide-rollout.ts";
import { loadRelease, type Release } from "../load-release.ts";
import type { Ports } from "../ports.ts";
import { recordObservation } from "../record-observation.ts";
import { makeMove, type TransitionHandler } from "../transition-call.ts";
import { watch } from "../watch-release.ts";

const MOVE = edge("deploying", "running");
const WINDOW_MS = 8_000;

type Needs = Pick<Ports, "deployments" | "projects" | "cluster" | "sites" | "timers">;

export function createObserve(ports: Needs): TransitionHandler {
  return async (call) => {
    const release = await loadRelease(ports, call.deploymentId);
    const { deployment: current, workload } = release;
    const move = () =>
      makeMove(ports.deployments, call.deploymentId, {
        to: MOVE.to,
        by: "observe",
        attempt: call.attempt,
      });
    if (current.value.state !== MOVE.from || current.value.attempt !== call.attempt) {
      const { deployment } = await move();
      return { state: deployment.state, outcome: "running" };
    }
    const verdict = await watch({ timers: ports.timers, windowMs: WINDOW_MS }, () =>
      look(ports, release),
    );
    if (verdict === null)
      return { state: current.value.state, outcome: "waiting", pollAfterSeconds: 0.1 };
    if (verdict.kind === "broken") {
      await recordObservation(ports, current.value, workload, verdict);
      return { state: current.value.state, outcome: "failed", reason: verdict.code };
    }
    const { deployment } = await move();
    return { state: deployment.state, outcome: "running" };
  };
}

/** Null while nothing is decided. */
async function look(ports: Needs, { deployment, snapshot, workload }: Release) {
  if (snapshot.config.runtime === "static") {
    const site = await ports.sites.read(deployment.value.id);
    return site?.isPublished === true ? ({ kind: "running" } as const) : null;
  }
  const rollout = await (await ports.cluster()).inspect(workload);
  return rollout === null ? null : settled(decideRollout(rollout));
}

function settled(verdict: RolloutVerdict): Exclude<RolloutVerdict, { kind: "starting" }> | null {
  return verdict.kind === "starting" ? null : verdict;
}
