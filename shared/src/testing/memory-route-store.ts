/** Routes and claims of domains in memory, with the versions and refusals of the real stores. */
import { claimName, type DomainClaim } from "../domain/domain-claim.ts";
import { BifrostError } from "../domain/errors.ts";
import type { ProjectId } from "../domain/ids.ts";
import { RouteSchema, type Route } from "../domain/route.ts";
import type { Versioned } from "../ports/deployment-store.ts";
import type { DomainStore, RouteStore } from "../ports/route-store.ts";
import * as v from "valibot";

export class MemoryRouteStore implements RouteStore {
  readonly #routes = new Map<string, Versioned<Route>>();
  #versions = 0;

  async read(host: string): Promise<Versioned<Route> | null> {
    return this.#routes.get(host) ?? null;
  }

  async list(projectId: ProjectId): Promise<readonly Versioned<Route>[]> {
    return [...this.#routes.values()]
      .filter(({ value }) => value.projectId === projectId)
      .toSorted((one, other) => one.value.host.localeCompare(other.value.host));
  }

  async create(route: Route): Promise<string> {
    if (this.#routes.has(route.host)) {
      throw new BifrostError("already-exists", `${route.host} is served already`);
    }
    return this.#put(route);
  }

  async change(current: Versioned<Route>, next: Route): Promise<string> {
    this.#assertCurrent(current);
    return this.#put(next);
  }

  async delete(current: Versioned<Route>): Promise<void> {
    this.#assertCurrent(current);
    this.#routes.delete(current.value.host);
  }

  /** Whatever its version. */
  drop(host: string): void {
    this.#routes.delete(host);
  }

  hosts(): readonly string[] {
    return [...this.#routes.keys()];
  }

  #put(route: Route): string {
    const version = String(++this.#versions);
    this.#routes.set(route.host, { value: route, version });
    return version;
  }

  #assertCurrent({ value, version }: Versioned<Route>): void {
    if (this.#routes.get(value.host)?.version === version) return;
    throw new BifrostError("write-conflict", "the route changed since it was read");
  }
}

export class MemoryDomainStore implements DomainStore {
  readonly #claims = new Map<string, DomainClaim>();
  readonly #routes: MemoryRouteStore;

  constructor(routes: MemoryRouteStore) {
    this.#routes = routes;
  }

  async read(domain: string, projectId: ProjectId): Promise<Versioned<DomainClaim> | null> {
    const value = this.#claims.get(claimName({ domain, projectId }));
    return value === undefined ? null : { value, version: "1" };
  }

  async list(projectId: ProjectId): Promise<readonly DomainClaim[]> {
    return [...this.#claims.values()].filter((claim) => claim.projectId === projectId);
  }

  async create(claim: DomainClaim): Promise<void> {
    this.#claims.set(claimName(claim), claim);
  }

  async verify({ value }: Versioned<DomainClaim>): Promise<void> {
    const { domain: host, projectId } = value;
    await this.#routes.create(v.parse(RouteSchema, { host, projectId }));
    this.#claims.set(claimName(value), { ...value, verifiedAt: new Date(0) });
  }

  async delete({ value }: Versioned<DomainClaim>): Promise<void> {
    this.#claims.delete(claimName(value));
    if (value.verifiedAt !== null) this.#routes.drop(value.domain);
  }

  /** All of a project that is deleted. */
  dropAll(projectId: ProjectId): void {
    for (const [name, claim] of this.#claims)
      if (claim.projectId === projectId) this.#claims.delete(name);
  }
}
