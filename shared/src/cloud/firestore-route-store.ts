import * as v from "valibot";
import { claimName, domainClaimSchema, type DomainClaim } from "../domain/domain-claim.ts";
import { BifrostError } from "../domain/errors.ts";
import type { ProjectId } from "../domain/ids.ts";
import { RouteSchema, type Route } from "../domain/route.ts";
import type { Versioned } from "../ports/deployment-store.ts";
import type { DomainStore, RouteStore } from "../ports/route-store.ts";
import { whereEqual, type FirestoreRest, type RestDocument } from "./firestore-rest.ts";
import { encodeValue } from "./firestore-values.ts";

export class FirestoreRouteStore implements RouteStore {
  readonly #store: FirestoreRest;

  constructor(store: FirestoreRest) {
    this.#store = store;
  }

  async read(host: string): Promise<Versioned<Route> | null> {
    const document = await this.#store.get(`routes/${host}`);
    return document === null ? null : routeIn(document);
  }

  async list(projectId: ProjectId): Promise<readonly Versioned<Route>[]> {
    const documents = await ofProject(this.#store, "routes", projectId);
    return documents
      .map(routeIn)
      .toSorted((one, other) => one.value.host.localeCompare(other.value.host));
  }

  async create(route: Route): Promise<string> {
    const { updateTimes } = await this.#store
      .commit([
        {
          set: `routes/${route.host}`,
          fields: route,
          serverTimes: ["createdAt", "updatedAt"],
          must: { exists: false },
        },
      ])
      .catch(hostTaken(route.host));
    return updateTimes[0] ?? "";
  }

  async change(current: Versioned<Route>, next: Route): Promise<string> {
    const { updateTimes } = await this.#store.commit([
      {
        set: `routes/${current.value.host}`,
        fields: next,
        serverTimes: ["updatedAt"],
        merge: true,
        must: { updateTime: current.version },
      },
    ]);
    return updateTimes[0] ?? "";
  }

  async delete(current: Versioned<Route>): Promise<void> {
    const must = { updateTime: current.version };
    await this.#store.commit([{ delete: `routes/${current.value.host}`, must }]);
  }
}

export class FirestoreDomainStore implements DomainStore {
  readonly #store: FirestoreRest;

  constructor(store: FirestoreRest) {
    this.#store = store;
  }

  async read(domain: string, projectId: ProjectId): Promise<Versioned<DomainClaim> | null> {
    const document = await this.#store.get(`domains/${claimName({ domain, projectId })}`);
    return document === null ? null : claimIn(document);
  }

  async list(projectId: ProjectId): Promise<readonly DomainClaim[]> {
    const documents = await ofProject(this.#store, "domains", projectId);
    return documents
      .map((document) => claimIn(document).value)
      .toSorted((one, other) => one.domain.localeCompare(other.domain));
  }

  async create(claim: DomainClaim): Promise<void> {
    const { createdAt: _createdAt, ...fields } = claim;
    await this.#store.commit([
      {
        set: `domains/${claimName(claim)}`,
        fields,
        serverTimes: ["createdAt"],
        must: { exists: false },
      },
    ]);
  }

  async verify({ value, version }: Versioned<DomainClaim>): Promise<void> {
    const { domain, projectId } = value;
    await this.#store
      .commit([
        {
          set: `domains/${claimName(value)}`,
          fields: {},
          serverTimes: ["verifiedAt"],
          merge: true,
          must: { updateTime: version },
        },
        {
          set: `routes/${domain}`,
          fields: { host: domain, projectId, targets: [] },
          serverTimes: ["createdAt", "updatedAt"],
          must: { exists: false },
        },
      ])
      .catch(hostTaken(domain));
  }

  async delete({ value, version }: Versioned<DomainClaim>): Promise<void> {
    await this.#store.commit([
      { delete: `domains/${claimName(value)}`, must: { updateTime: version } },
      ...(value.verifiedAt === null ? [] : [{ delete: `routes/${value.domain}` }]),
    ]);
  }
}

/** Documents of a collection that name a project. */
export function ofProject(
  store: FirestoreRest,
  collectionId: string,
  projectId: ProjectId,
): Promise<readonly RestDocument[]> {
  return store.query("", {
    from: [{ collectionId }],
    where: whereEqual({ projectId }, encodeValue),
  });
}

function hostTaken(host: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof BifrostError) || error.code !== "already-exists") throw error;
    throw new BifrostError(
      "already-exists",
      `${host} is served already; another project must give it up first`,
      { host },
    );
  };
}

function routeIn(document: RestDocument): Versioned<Route> {
  const parsed = v.safeParse(RouteSchema, document.fields);
  if (parsed.success) return { value: parsed.output, version: document.updateTime };
  throw corrupt(document, "a route");
}

function claimIn(document: RestDocument): Versioned<DomainClaim> {
  const parsed = v.safeParse(domainClaimSchema, document.fields);
  if (parsed.success) return { value: parsed.output, version: document.updateTime };
  throw corrupt(document, "the claim of a domain");
}

function corrupt({ path }: RestDocument, what: string): BifrostError {
  return new BifrostError("data-corrupt", `${path} is not ${what}`, { path });
}
