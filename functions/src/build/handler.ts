/** validating → building; the move itself asks for the build, unless the image is there already. */
import { edge } from "@bifrost/shared/domain/lifecycle";
import type { Ports } from "../ports.ts";
import { hasImage } from "../has-image.ts";
import {
  loadDeployment,
  makeMove,
  type TransitionHandler,
  updateNote,
} from "../transition-call.ts";

const MOVE = edge("validating", "building");

export function createBuild(ports: Pick<Ports, "deployments">): TransitionHandler {
  return async (call) => {
    const { deployments } = ports;
    // The address must be stored before anyone can finish the build, or the wake-up call would be lost.
    const build = await updateNote(deployments, call.deploymentId, "internal/build", (note) => ({
      ...(note["attempt"] === call.attempt ? note : {}),
      attempt: call.attempt,
      callback: call.callback ?? null,
    }));
    await makeMove(deployments, call.deploymentId, {
      to: MOVE.to,
      by: "build",
      attempt: call.attempt,
    });
    const { value: deployment } = await loadDeployment(deployments, call.deploymentId);
    // A second execution may come after the build's end was told: nobody would wake it up any more.
    const isOver = typeof build?.["status"] === "string";
    const ready = deployment.state !== MOVE.to || hasImage(deployment) || isOver;
    return { state: deployment.state, image: ready ? "ready" : "building" };
  };
}
