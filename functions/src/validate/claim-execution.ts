/** One workflow execution drives one attempt: the first to claim it goes on, a second one ends quietly. */
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Deployment } from "@bifrost/shared/domain/deployment";
import type { DeploymentStore, Note } from "@bifrost/shared/ports/deployment-store";
import { updateNote } from "../transition-call.ts";

export interface Claim {
  readonly attempt: number;
  readonly execution: string;
}

/** Decides what a claim by `claim.execution` makes of the note; null = it holds the claim already. */
export function decideClaim(note: Note, claim: Claim): Note | null {
  const free = note["attempt"] !== claim.attempt || note["released"] === true;
  if (free) return { attempt: claim.attempt, execution: claim.execution, released: false };
  if (note["execution"] === claim.execution) return null;
  throw new BifrostError("execution-superseded", "another execution drives this attempt", {
    execution: claim.execution,
    driver: String(note["execution"]),
  });
}

export async function claimExecution(
  store: DeploymentStore,
  id: Deployment["id"],
  claim: Claim,
): Promise<void> {
  await updateNote(store, id, "internal/execution", (note) => decideClaim(note, claim));
}
