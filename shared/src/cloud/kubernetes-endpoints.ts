/** Ready replicas of every deployment from EndpointSlices. */
import type { V1EndpointSlice } from "@kubernetes/client-node";
import { messageOf } from "../domain/errors.ts";
import type { Timers } from "../domain/time.ts";
import type {
  Backend,
  BackendSource,
  BackendTable,
  ReleaseBackends,
} from "../ports/backend-source.ts";
import type { Logger } from "../ports/logger.ts";
import { DEPLOYMENT_LABEL, MEMORY_LABEL, PROJECT_LABEL } from "../manifest/names.ts";
import { KubernetesListWatch } from "./kubernetes-list-watch.ts";

export interface KubernetesEndpointsOptions {
  /** Path of a kubeconfig file; null = the pod's own service account. */
  readonly kubeconfig: string | null;
  readonly timers: Timers;
  readonly log: Logger;
}

export class KubernetesEndpoints implements BackendSource {
  private readonly options: KubernetesEndpointsOptions;

  constructor(options: KubernetesEndpointsOptions) {
    this.options = options;
  }

  watch(listener: (table: BackendTable) => void): () => void {
    const { kubeconfig, timers, log } = this.options;
    const follower = new KubernetesListWatch<V1EndpointSlice>({
      kubeconfig,
      timers,
      path: "/apis/discovery.k8s.io/v1/endpointslices",
      labelSelector: DEPLOYMENT_LABEL,
      list: (k8s, config) =>
        config
          .makeApiClient(k8s.DiscoveryV1Api)
          .listEndpointSliceForAllNamespaces({ labelSelector: DEPLOYMENT_LABEL }),
      onObjects: (slices) => listener(backendsIn(slices)),
      onError: (error) => log.warn("endpoint watch ended", { error: messageOf(error) }),
    });
    follower.start();
    return () => follower.stop();
  }
}

/** Addresses in a fixed order, so that equal tables are equal lists. */
export function backendsIn(slices: Iterable<V1EndpointSlice>): BackendTable {
  const table = new Map<string, ReleaseBackends>();
  for (const slice of slices) {
    const labels = slice.metadata?.labels ?? {};
    const deploymentId = labels[DEPLOYMENT_LABEL];
    const found = readyIn(slice);
    if (deploymentId === undefined || found.length === 0) continue;
    const known = table.get(deploymentId)?.ready ?? [];
    const byAddress = new Map([...known, ...found].map((one) => [one.address, one]));
    table.set(deploymentId, {
      projectId: labels[PROJECT_LABEL] ?? "",
      ...memoryLimit(labels[MEMORY_LABEL]),
      ready: [...byAddress.values()].toSorted((x, y) => (x.address < y.address ? -1 : 1)),
    });
  }
  return table;
}

function memoryLimit(label: string | undefined): Pick<ReleaseBackends, "memoryLimitBytes"> {
  const bytes = Number(label);
  return bytes > 0 ? { memoryLimitBytes: bytes } : {};
}

function readyIn(slice: V1EndpointSlice): readonly Backend[] {
  const port = slice.ports?.find((one) => one.port !== undefined)?.port;
  if (port === undefined) return [];
  return (slice.endpoints ?? [])
    .filter((endpoint) => isReady(endpoint.conditions?.ready))
    .flatMap(({ addresses, targetRef, zone, nodeName }) =>
      addresses.slice(0, 1).map((ip) => ({
        address: slice.addressType === "IPv6" ? `[${ip}]:${port}` : `${ip}:${port}`,
        replica: targetRef?.name ?? "",
        ...(zone === undefined ? {} : { region: regionOf(zone) }),
        ...(nodeName === undefined ? {} : { host: nodeName }),
      })),
    );
}

/** The zone without what tells it from others of its region: `us-central1-a`, `westeurope-1`, `us-east-1a`. */
export function regionOf(zone: string): string {
  return zone.replace(/(?:-[a-z\d]|(?<=-\d)[a-z])$/, "");
}

/** Absent means unknown, which the API asks consumers to take as ready. */
function isReady(condition: boolean | undefined): boolean {
  return condition ?? true;
}
