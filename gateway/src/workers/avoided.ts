/** Which replicas traffic should rather avoid, from what their sidecars said last. */
import { NEEDED_PASSES, type Replica } from "@bifrost/shared/domain/replica";
import type { BackendTable } from "@bifrost/shared/ports/backend-source";

/** One failed health check may be bad luck. */
const FAILURES = NEEDED_PASSES;

export interface HeardOf {
  readonly replica: Replica;
  /** Health checks failed in a row. */
  readonly fails: number;
}

/**
 * Addresses of replicas that were healthy once and now fail; `now` in ms since the epoch. A passing sample clears a
 * replica, and so does silence: who is not heard of is not spoken ill of.
 */
export function avoidedAddresses(
  heard: ReadonlyMap<string, HeardOf>,
  backends: BackendTable,
  now: number,
): ReadonlySet<string> {
  const avoided = new Set<string>();
  for (const [deploymentId, { ready }] of backends) {
    for (const { address, replica: pod } of ready) {
      const known = heard.get(heardKey(deploymentId, pod));
      if (known !== undefined && isIll(known, now)) avoided.add(address);
    }
  }
  return avoided;
}

export function heardKey(deploymentId: string, pod: string): string {
  return `${deploymentId}/${pod}`;
}

function isIll({ replica, fails }: HeardOf, now: number): boolean {
  const isBelieved = now < replica.expireAt;
  return isBelieved && replica.proven && !replica.healthy && fails >= FAILURES;
}
