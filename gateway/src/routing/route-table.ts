/**
 * What the gateway serves at this moment. A project moves to a new live release only once that release has a
 * ready replica; until then the one before it goes on serving, so no request falls between two releases. Should all
 * replicas of the live release fail while those of the one before still run, that one serves again meanwhile.
 */
import { EMPTY_ROUTE_TABLE, type Route, type RouteTable } from "@bifrost/shared/domain/route";
import type { BackendTable } from "@bifrost/shared/ports/backend-source";

export interface ServingTable {
  readonly routes: ReadonlyMap<string, Route>;
  /** Deployment that serves each project's live traffic now. */
  readonly serving: ReadonlyMap<string, string>;
  readonly backends: BackendTable;
  readonly domain: string;
}

export function emptyServingTable(domain: string): ServingTable {
  return {
    routes: EMPTY_ROUTE_TABLE.routes,
    serving: new Map(),
    backends: new Map(),
    domain,
  };
}

/** The next table, from what was served and what is now known. */
export function settle(
  previous: ServingTable,
  table: RouteTable,
  backends: BackendTable,
): ServingTable {
  const serving = new Map<string, string>();
  for (const [projectId, wanted] of table.live) {
    const current = previous.serving.get(projectId);
    const former = table.former.get(projectId);
    const serves = [wanted, current, former].find((id) => isReady(backends, id)) ?? wanted;
    serving.set(projectId, serves);
  }
  const routes = new Map<string, Route>();
  for (const [host, route] of table.routes) {
    const name = host.replace(/:\d+$/, "");
    routes.set(name.includes(".") ? name : `${name}.${previous.domain}`, route);
  }
  return { routes, serving, backends, domain: previous.domain };
}

function isReady(backends: BackendTable, deploymentId: string | undefined): deploymentId is string {
  return deploymentId !== undefined && (backends.get(deploymentId)?.length ?? 0) > 0;
}
