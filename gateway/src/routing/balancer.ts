/** Chooses among the ready replicas of a deployment: round robin, last those that just refused or are said to be ill. */
import type { Clock } from "@bifrost/shared/domain/time";

/** How long a refused address is tried last; about the time an EndpointSlice needs to catch up. */
const PENALTY_MS = 2000;

export class Balancer {
  private readonly clock: Clock;
  private readonly cursors = new Map<string, number>();
  private readonly refusedAt = new Map<string, number>();
  private avoided: ReadonlySet<string> = new Set();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** All addresses in the order to try them. */
  order(deploymentId: string, addresses: readonly string[]): readonly string[] {
    if (addresses.length < 2) return addresses;
    const cursor = (this.cursors.get(deploymentId) ?? 0) % addresses.length;
    this.cursors.set(deploymentId, cursor + 1);
    const rotated = [...addresses.slice(cursor), ...addresses.slice(0, cursor)];
    if (this.refusedAt.size === 0 && this.avoided.size === 0) return rotated;
    const isBad = (address: string): boolean =>
      this.avoided.has(address) || this.isPenalised(address);
    return [...rotated.filter((address) => !isBad(address)), ...rotated.filter(isBad)];
  }

  refused(address: string): void {
    this.refusedAt.set(address, this.clock.now());
  }

  /** These come last until another set is given. */
  avoid(addresses: ReadonlySet<string>): void {
    this.avoided = addresses;
  }

  /** Forgets deployments and addresses that are gone. */
  retain(deployments: ReadonlySet<string>, addresses: ReadonlySet<string>): void {
    for (const id of this.cursors.keys()) if (!deployments.has(id)) this.cursors.delete(id);
    for (const at of this.refusedAt.keys()) if (!addresses.has(at)) this.refusedAt.delete(at);
  }

  private isPenalised(address: string): boolean {
    const at = this.refusedAt.get(address);
    if (at === undefined) return false;
    if (this.clock.now() - at < PENALTY_MS) return true;
    this.refusedAt.delete(address);
    return false;
  }
}
