/**
 * Deploys the release before a failed one again, as an ordinary new deployment. It makes no move of the failed one and
 * changes nothing for a deployment that did not fail in its watch window, so it may be called whenever in doubt.
 */
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { isBifrostError } from "@bifrost/shared/domain/errors";
import { decideRestore, UNDONE } from "../decide-restore.ts";
import type { Ports } from "../ports.ts";
import { type ReadRestoreCase, readRestoreCase } from "../read-restore-case.ts";
import { loadDeployment, retryConflicts, type TransitionHandler } from "../transition-call.ts";

type Needs = Pick<Ports, "deployments" | "projects" | "log">;

interface Outcome {
  /** The deployment in its place. */
  readonly restored: Deployment["id"] | null;
  readonly why: string;
}

/** Pushes that arrive at this moment change the project again and again. */
const CONFLICT_RETRIES = 20;

export function createRestore(ports: Needs): TransitionHandler {
  return async (call) => {
    const { value: failed } = await loadDeployment(ports.deployments, call.deploymentId);
    const { state, attempt, failure } = failed;
    if (state !== "failed" || attempt !== call.attempt || failure?.code !== UNDONE) {
      return { state, restored: null, why: "it did not fail in its watch window" };
    }
    const outcome = await retryConflicts(() => restoreOnce(ports, failed), CONFLICT_RETRIES);
    ports.log.info("release undone", { deploymentId: failed.id, ...outcome });
    return { state, ...outcome };
  };
}

async function restoreOnce(ports: Needs, { id }: Deployment): Promise<Outcome> {
  const found = await readRestoreCase(ports, id);
  const { target, words } = decideRestore(found);
  if (target === null) return { restored: found.restored?.id ?? null, why: words };
  await create(ports, found, target);
  return { restored: found.restoreId, why: words };
}

/** On the project as it was when it was decided: a push in between makes this a `write-conflict`, decided anew. */
async function create(
  ports: Needs,
  { failed, project, restoreId }: ReadRestoreCase,
  target: Deployment,
): Promise<void> {
  const fields = {
    commit: target.commit,
    branch: target.branch,
    trigger: "restore",
    source: { kind: "rollback", rollbackOf: target.id },
    createdBy: `bifrost: deployment ${failed.number} failed in its watch window`,
  } as const;
  try {
    await ports.deployments.create(restoreId, fields, project, "restore");
  } catch (error) {
    // Another call was faster with the very same deployment.
    if (!isBifrostError(error, "already-exists")) throw error;
  }
}
