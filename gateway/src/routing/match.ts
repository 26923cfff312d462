/** Host name → the replicas that may answer, or the reason why none can. */
import { chooseTarget } from "./split.ts";
import type { ServingTable } from "./route-table.ts";

export type Match =
  | {
      readonly kind: "backends";
      readonly deploymentId: string;
      readonly addresses: readonly string[];
    }
  | { readonly kind: "unknown-host" | "no-release" | "no-backend" | "starting" };

/**
 * `host` is lower case without a port; `key` makes a split sticky. Beside the routes, `<deployment id>.<domain>` serves
 * that deployment directly: a release can be looked at before it is live. A route wins over a deployment id.
 */
export function matchHost(table: ServingTable, host: string, key: string): Match {
  const route = table.routes.get(host);
  if (route !== undefined) {
    const deploymentId =
      route.targets.length === 0
        ? table.serving.get(route.projectId)
        : chooseTarget(route.targets, key);
    return deploymentId === undefined ? { kind: "no-release" } : backendsOf(table, deploymentId);
  }
  const suffix = `.${table.domain}`;
  if (!host.endsWith(suffix)) return { kind: "unknown-host" };
  const label = host.slice(0, -suffix.length);
  return table.backends.has(label) ? backendsOf(table, label) : { kind: "unknown-host" };
}

function backendsOf(table: ServingTable, deploymentId: string): Match {
  const addresses = table.backends.get(deploymentId) ?? [];
  return addresses.length === 0
    ? { kind: "no-backend" }
    : { kind: "backends", deploymentId, addresses };
}
