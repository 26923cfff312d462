/** deploying → running once the app's containers run; says in words why they do not. */
import { edge } from "@bifrost/shared/domain/lifecycle";
import { decideRollout, type RolloutVerdict } from "../decide-rollout.ts";
import { loadRelease } from "../load-release.ts";
import type { Ports } from "../ports.ts";
import { recordObservation } from "../record-observation.ts";
import { makeMove, type TransitionHandler } from "../transition-call.ts";
import { watch } from "../watch-release.ts";

const MOVE = edge("deploying", "running");
const WINDOW_MS = 8_000;

type Needs = Pick<Ports, "deployments" | "projects" | "cluster" | "timers">;

export function createObserve(ports: Needs): TransitionHandler {
  return async (call) => {
    const { deployment: current, workload } = await loadRelease(ports, call.deploymentId);
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
    const cluster = await ports.cluster();
    const verdict = await watch({ timers: ports.timers, windowMs: WINDOW_MS }, async () => {
      const rollout = await cluster.inspect(workload);
      return rollout === null ? null : settled(decideRollout(rollout));
    });
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

function settled(verdict: RolloutVerdict): Exclude<RolloutVerdict, { kind: "starting" }> | null {
  return verdict.kind === "starting" ? null : verdict;
}
