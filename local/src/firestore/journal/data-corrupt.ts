import { BifrostError, type ErrorFacts } from "@bifrost/shared/domain/errors";

const WHAT_TO_DO = "Restore the data directory from a backup, or delete it to start empty.";

/** `found` names the file, the place in it and what is wrong there. */
export function dataCorrupt(found: string, facts: ErrorFacts): BifrostError {
  return new BifrostError("data-corrupt", `${found} ${WHAT_TO_DO}`, facts);
}
