/** Route and backend sources that tests push tables through. */
import * as v from "valibot";
import { EMPTY_ROUTE_TABLE, type Route, RouteSchema } from "@bifrost/shared/domain/route";
import type {
  BackendSource,
  BackendTable,
  ReleaseBackends,
} from "@bifrost/shared/ports/backend-source";
import type { RouteSource } from "@bifrost/shared/ports/route-source";

interface Pushable<T> {
  watch(listener: (table: T) => void): () => void;
  push(table: T): void;
}

function pushable<T>(first: T): Pushable<T> {
  let current = first;
  const listeners = new Set<(table: T) => void>();
  return {
    watch(listener) {
      listeners.add(listener);
      listener(current);
      return () => listeners.delete(listener);
    },
    push(table) {
      current = table;
      for (const listener of listeners) listener(table);
    },
  };
}

export interface TestSources {
  readonly routes: RouteSource;
  readonly backends: BackendSource;
  /** `routes` by host; `live` and `former` by project. */
  setRoutes(
    routes: Readonly<Record<string, Partial<Route>>>,
    live: Readonly<Record<string, string>>,
    former?: Readonly<Record<string, string>>,
  ): void;
  setBackends(backends: Readonly<Record<string, readonly string[]>>): void;
  /** Every release as it is. */
  setReleases(releases: Readonly<Record<string, ReleaseBackends>>): void;
}

export function testSources(): TestSources {
  const routes = pushable(EMPTY_ROUTE_TABLE);
  const backends = pushable<BackendTable>(new Map());
  return {
    routes,
    backends,
    setRoutes(byHost, live, former = {}) {
      const entries = Object.entries(byHost).map(([host, route]): [string, Route] => [
        host,
        v.parse(RouteSchema, { host, projectId: "project", ...route }),
      ]);
      routes.push({
        ...EMPTY_ROUTE_TABLE,
        routes: new Map(entries),
        live: new Map(Object.entries(live)),
        former: new Map(Object.entries(former)),
      });
    },
    setBackends(byDeployment) {
      const releases = Object.entries(byDeployment).map(
        ([id, addresses]): [string, ReleaseBackends] => [
          id,
          {
            projectId: "project",
            ready: addresses.map((address) => ({ address, replica: address })),
          },
        ],
      );
      backends.push(new Map(releases));
    },
    setReleases: (releases) => backends.push(new Map(Object.entries(releases))),
  };
}
