/** What a gateway knows when its configuration is in PostgreSQL; loaded only then. */
import { KubernetesEndpoints } from "@bifrost/shared/cloud/kubernetes-endpoints";
import { PostgresConfigStore } from "@bifrost/shared/cloud/postgres-config-store";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { ConfigStoreConfig } from "./cluster-config/cluster-config.ts";
import type { GatewayConfig } from "./config.ts";
import type { OwnConfig } from "./control/config.ts";
import type { StoredPolicies } from "./policies/follow-policies.ts";
import { InlinePolicies } from "./policies/inline-policies.ts";
import { backendsFromConfig } from "./routing/backends-from-config.ts";
import { joinBackends } from "./routing/join-backends.ts";
import { routesFromConfig } from "./routing/routes-from-config.ts";
import type { GatewayDeps } from "./gateway.ts";

export type PostgresStoreConfig = Extract<ConfigStoreConfig, { type: "postgres" }>;

export interface StoreParts {
  readonly timers: Timers;
  readonly log: Logger;
}

/** Throws `cluster-config-invalid` when the database is not one that can be used. */
export async function composePostgres(
  config: Pick<GatewayConfig, "kubeconfig" | "kubernetesHost">,
  database: PostgresStoreConfig,
  { timers, log }: StoreParts,
): Promise<
  Pick<GatewayDeps, "routes" | "backends"> & { policies: StoredPolicies; own: OwnConfig }
> {
  const store = await PostgresConfigStore.open({ ...database, timers, log });
  const inline = new InlinePolicies({ source: store, clock: timers, log });
  const { kubeconfig, kubernetesHost } = config;
  const isOnKubernetes = kubeconfig !== null || kubernetesHost !== null;
  const replicas = isOnKubernetes ? [new KubernetesEndpoints({ kubeconfig, timers, log })] : [];
  return {
    routes: routesFromConfig(store, log),
    backends: joinBackends(backendsFromConfig(store, log), ...replicas),
    policies: {
      source: inline,
      store: inline,
      loader: inline,
      log: {
        add: (line) => log.info("policy says", { ...line }),
        stop: () => Promise.resolve(),
      },
      checking: null,
    },
    own: { store, close: () => store.close() },
  };
}
