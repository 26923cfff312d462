/**
 * Chooses among the ready replicas of a deployment: in turns, unless another one, drawn at random, is less busy. Turns
 * spread equal requests evenly; the draw keeps a slow replica from collecting requests, and as each process draws for
 * itself they do not all flock to the same one. Replicas in other regions come after those of the own one. Those that
 * failed, that their sidecars call unhealthy or whose hosts are lost come last, so that every replica is tried before a
 * request fails.
 */
import type { Clock } from "@bifrost/shared/domain/time";
import { Outliers, type AttemptResult } from "./outliers.ts";

/**
 * A request that could reach none of so many replicas in its own region tries one elsewhere: when a whole region is gone,
 * there may be more replicas in it than a request tries.
 */
const NEAR_TRIES = 2;

export interface BalancerDeps {
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** Requests now under way to an address, from this process. */
  readonly busy: (address: string) => number;
}

export class Balancer {
  private readonly deps: BalancerDeps;
  private readonly outliers: Outliers;
  private readonly cursors = new Map<string, number>();
  private avoided: ReadonlySet<string> = new Set();
  private distant: ReadonlySet<string> = new Set();

  constructor(deps: BalancerDeps) {
    this.deps = deps;
    this.outliers = new Outliers(deps.clock);
  }

  /** All addresses in the order to try them. */
  order(deploymentId: string, addresses: readonly string[]): readonly string[] {
    if (addresses.length < 2) return addresses;
    const cursor = this.cursors.get(deploymentId) ?? 0;
    this.cursors.set(deploymentId, cursor + 1);
    if (this.outliers.isEmpty && this.avoided.size === 0) return this.nearFirst(addresses, cursor);
    const probed = this.takeProbe(addresses);
    const rest = addresses.filter((address) => address !== probed);
    const aside = this.setAside(rest);
    const inUse = rest.filter((address) => !aside.includes(address));
    const good = inUse.filter((address) => !this.avoided.has(address));
    const avoided = inUse.filter((address) => this.avoided.has(address));
    return [
      ...(probed === undefined ? [] : [probed]),
      ...this.nearFirst(good, cursor),
      ...this.nearFirst(avoided, cursor),
      ...aside,
    ];
  }

  report(address: string, result: AttemptResult): void {
    if (result !== "answered" || !this.outliers.isEmpty) this.outliers.report(address, result);
  }

  /** The addresses that are unhealthy or on lost hosts, in place of those told before. */
  avoid(addresses: ReadonlySet<string>): void {
    this.avoided = addresses;
  }

  /** The addresses in other regions, in place of those told before. */
  setDistant(addresses: ReadonlySet<string>): void {
    this.distant = addresses;
  }

  /** Forgets deployments and addresses that are gone. */
  retain(deployments: ReadonlySet<string>, addresses: ReadonlySet<string>): void {
    for (const id of this.cursors.keys()) if (!deployments.has(id)) this.cursors.delete(id);
    this.outliers.retain(addresses);
  }

  private nearFirst(addresses: readonly string[], cursor: number): readonly string[] {
    if (this.distant.size === 0) return this.turn(addresses, cursor);
    const near = this.turn(
      addresses.filter((address) => !this.distant.has(address)),
      cursor,
    );
    const distant = this.turn(
      addresses.filter((address) => this.distant.has(address)),
      cursor,
    );
    return [
      ...near.slice(0, NEAR_TRIES),
      ...distant.slice(0, 1),
      ...near.slice(NEAR_TRIES),
      ...distant.slice(1),
    ];
  }

  private turn(addresses: readonly string[], cursor: number): readonly string[] {
    const count = addresses.length;
    if (count < 2) return addresses;
    const start = cursor % count;
    const turned = [...addresses.slice(start), ...addresses.slice(0, start)];
    const drawn = 1 + Math.floor(this.deps.random() * (count - 1));
    const [next = "", other = ""] = [turned[0], turned[drawn]];
    if (this.deps.busy(other) < this.deps.busy(next)) {
      turned[0] = other;
      turned[drawn] = next;
    }
    return turned;
  }

  /**
   * An address whose time aside is over gets one request; more only once that one was answered. No request is sent to
   * another region for that where there are addresses in this one.
   */
  private takeProbe(addresses: readonly string[]): string | undefined {
    const near = addresses.filter((address) => !this.distant.has(address));
    const probed = (near.length > 0 ? near : addresses).find(
      (address) => this.outliers.standing(address) === "probe" && !this.avoided.has(address),
    );
    if (probed !== undefined) this.outliers.probe(probed);
    return probed;
  }

  /**
   * Half of the addresses at most, so that the others are not buried under the whole load for what may be nobody's
   * fault; one at least. Those that come back last, soonest first.
   */
  private setAside(addresses: readonly string[]): readonly string[] {
    const most = Math.max(1, Math.floor(addresses.length / 2));
    return addresses
      .filter((address) => this.outliers.standing(address) !== "good")
      .toSorted((a, b) => this.outliers.ejectedUntil(a) - this.outliers.ejectedUntil(b))
      .slice(-most);
  }
}
