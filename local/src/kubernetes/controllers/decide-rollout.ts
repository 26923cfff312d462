/** How many replicas each generation of a Deployment should have next: the arithmetic of a rolling update. */

export interface ReplicaCount {
  readonly name: string;
  /** Replicas asked for. */
  readonly wanted: number;
  readonly available: number;
}

export interface RolloutState {
  readonly desired: number;
  readonly maxSurge: number;
  readonly maxUnavailable: number;
  readonly current: ReplicaCount;
  /** Oldest first. */
  readonly old: readonly ReplicaCount[];
}

/** New replica counts by name, only where they change. Never fewer available than allowed, never more in all. */
export function decideRollout(state: RolloutState): ReadonlyMap<string, number> {
  const changes = new Map<string, number>();
  const { desired, current, old } = state;
  // Both zero would never move: Kubernetes then lets one be unavailable.
  const maxUnavailable =
    state.maxSurge === 0 && state.maxUnavailable === 0 ? 1 : state.maxUnavailable;
  const total = current.wanted + sum(old.map((each) => each.wanted));
  let wanted = current.wanted;
  if (current.wanted > desired) wanted = desired;
  else if (current.wanted < desired) {
    const room = Math.max(0, desired + state.maxSurge - total);
    wanted = Math.min(desired, current.wanted + room);
  }
  if (wanted !== current.wanted) changes.set(current.name, wanted);

  const minAvailable = desired - maxUnavailable;
  const pending = Math.max(0, current.wanted - current.available);
  let removable = total - minAvailable - pending;
  let healthyRemovable = current.available + sum(old.map((each) => each.available)) - minAvailable;
  for (const each of old) {
    if (each.wanted === 0) continue;
    // What is not available serves nobody: it goes first.
    const broken = Math.min(
      each.wanted - Math.min(each.available, each.wanted),
      Math.max(0, removable),
    );
    const healthy = Math.max(
      0,
      Math.min(each.wanted - broken, healthyRemovable, removable - broken, each.available),
    );
    if (broken + healthy === 0) continue;
    changes.set(each.name, each.wanted - broken - healthy);
    removable -= broken + healthy;
    healthyRemovable -= healthy;
  }
  return changes;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
