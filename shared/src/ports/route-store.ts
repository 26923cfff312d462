import type { DomainClaim } from "../domain/domain-claim.ts";
import type { ProjectId } from "../domain/ids.ts";
import type { Route } from "../domain/route.ts";
import type { Versioned } from "./deployment-store.ts";

/** Routes as they are written; the gateways read them through a RouteSource. */
export interface RouteStore {
  read(host: string): Promise<Versioned<Route> | null>;
  /** By host. */
  list(projectId: ProjectId): Promise<readonly Versioned<Route>[]>;
  /** `already-exists` when somebody has the host. Answers the version. */
  create(route: Route): Promise<string>;
  /** `write-conflict` when it changed since it was read. Answers the version. */
  change(current: Versioned<Route>, next: Route): Promise<string>;
  delete(current: Versioned<Route>): Promise<void>;
}

export interface DomainStore {
  read(domain: string, projectId: ProjectId): Promise<Versioned<DomainClaim> | null>;
  /** By domain. */
  list(projectId: ProjectId): Promise<readonly DomainClaim[]>;
  create(claim: DomainClaim): Promise<void>;
  /** Marks the claim as verified and creates the domain's route; `already-exists` when another project has it. */
  verify(current: Versioned<DomainClaim>): Promise<void>;
  /** With the route of a verified one. */
  delete(current: Versioned<DomainClaim>): Promise<void>;
}
