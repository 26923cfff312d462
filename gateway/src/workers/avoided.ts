/**
 * Which replicas traffic should rather avoid, from what their sidecars said last and from what the cluster sees of their hosts;
 * and which are far away.
 */
import { NEEDED_PASSES, type Replica } from "@bifrost/shared/domain/replica";
import type { Backend, BackendTable } from "@bifrost/shared/ports/backend-source";

/** One failed health check may be bad luck. */
const FAILURES = NEEDED_PASSES;

export interface HeardOf {
  readonly replica: Replica;
  /** Health checks failed in a row. */
  readonly fails: number;
}

export interface Signs {
  /** What sidecars said last, by heardKey. */
  readonly heard: ReadonlyMap<string, HeardOf>;
  /** Hosts that are gone, and since when: see lost-hosts.ts. */
  readonly lost: ReadonlyMap<string, number>;
}

/**
 * Addresses of replicas that were healthy once and now fail, and of those on lost hosts; `now` in ms since the epoch. A
 * passing sample clears a replica of both, and silence of the first: who is not heard of is not spoken ill of.
 */
export function avoidedAddresses(
  { heard, lost }: Signs,
  backends: BackendTable,
  now: number,
): ReadonlySet<string> {
  const avoided = new Set<string>();
  for (const [deploymentId, { ready }] of backends) {
    for (const backend of ready) {
      const known = heard.get(heardKey(deploymentId, backend.replica));
      const isBad = (known !== undefined && isIll(known, now)) || isLost(backend, known, lost);
      if (isBad) avoided.add(backend.address);
    }
  }
  return avoided;
}

/** Addresses in another region than `region`; none when that is not known, or theirs is not. */
export function distantAddresses(region: string, backends: BackendTable): ReadonlySet<string> {
  if (region === "") return new Set();
  const all = [...backends.values()].flatMap(({ ready }) => ready);
  const distant = all.filter((backend) => (backend.region ?? region) !== region);
  return new Set(distant.map(({ address }) => address));
}

export function heardKey(deploymentId: string, pod: string): string {
  return `${deploymentId}/${pod}`;
}

function isIll({ replica, fails }: HeardOf, now: number): boolean {
  const isBelieved = now < replica.expireAt;
  return isBelieved && replica.proven && !replica.healthy && fails >= FAILURES;
}

function isLost(
  { host = "" }: Backend,
  known: HeardOf | undefined,
  lost: ReadonlyMap<string, number>,
): boolean {
  const since = lost.get(host);
  if (since === undefined) return false;
  const isHeardSince = known?.replica.healthy === true && known.replica.receivedAt > since;
  return !isHeardSince;
}
