/** Which older deployments a newer one takes the place of. Pure. */
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { isBefore } from "@bifrost/shared/domain/lifecycle";

/** Same project and branch, lower number, before `deploying`; a rollback neither supersedes nor is superseded. */
export function decideSuperseded(
  newer: Deployment,
  others: readonly Deployment[],
): readonly Deployment[] {
  if (newer.source.kind === "rollback") return [];
  return others.filter(
    (older) =>
      older.projectId === newer.projectId &&
      older.branch === newer.branch &&
      older.number < newer.number &&
      older.source.kind === "commit" &&
      isBefore(older.state, "deploying"),
  );
}
