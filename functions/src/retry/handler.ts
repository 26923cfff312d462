/** failed → queued: a new attempt with the same commit, snapshot and, if there is one, image. */
import { edge } from "@bifrost/shared/domain/lifecycle";
import type { Ports } from "../ports.ts";
import { makeMove, type TransitionHandler } from "../transition-call.ts";

const MOVE = edge("failed", "queued");

export function createRetry(ports: Pick<Ports, "deployments">): TransitionHandler {
  return async (call) => {
    const { deployment } = await makeMove(ports.deployments, call.deploymentId, {
      to: MOVE.to,
      by: "retry",
      attempt: call.attempt,
      why: "retry",
      fields: { failure: null },
    });
    return { state: deployment.state, attempt: deployment.attempt };
  };
}
