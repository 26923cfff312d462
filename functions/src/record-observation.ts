/** Writes down in words what was seen, so that `fail` can say it. */
import type { FailureCode } from "@bifrost/shared/domain/failure";
import type { Deployment } from "@bifrost/shared/domain/deployment";
import type { Ports } from "./ports.ts";
import type { Workload } from "@bifrost/shared/ports/cluster";

/** Last lines of the app that go with a failure. */
const LAST_LINES = 15;

export interface Observation {
  readonly code: FailureCode;
  readonly pod: string;
  readonly words: string;
}

export async function recordObservation(
  ports: Pick<Ports, "deployments" | "cluster">,
  deployment: Deployment,
  workload: Workload,
  observation: Observation,
): Promise<void> {
  const cluster = await ports.cluster();
  const lines =
    observation.pod === "" ? [] : await cluster.lastLines(workload, observation.pod, LAST_LINES);
  await ports.deployments.writeNote(deployment.id, "internal/observation", {
    attempt: deployment.attempt,
    reason: observation.code,
    details: [
      observation.pod === "" ? observation.words : `${observation.pod}: ${observation.words}`,
      ...(lines.length === 0
        ? []
        : ["last lines of the app:", ...lines.map((line) => `  ${line}`)]),
    ],
  });
}
