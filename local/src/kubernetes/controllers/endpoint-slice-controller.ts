/** One EndpointSlice per Service: where its pods answer, and whether each is ready, serving or leaving. */
import type { V1ServicePort } from "@kubernetes/client-node";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { ObjectStore, StoreEvent } from "../api/object-store.ts";
import { ENDPOINT_SLICE, POD, SERVICE } from "../objects/kinds.ts";
import { isReady } from "../objects/object.ts";
import type { KubeObject, Pod, Service } from "../objects/object.ts";
import { matchesLabels } from "../objects/selectors.ts";
import { objectKey, splitKey, WorkQueue } from "./work-queue.ts";

export class EndpointSliceController {
  readonly #store: ObjectStore;
  readonly #queue: WorkQueue;

  constructor(store: ObjectStore, log: Logger) {
    this.#store = store;
    this.#queue = new WorkQueue((key) => this.#reconcile(key), log);
  }

  start(): void {
    for (const object of this.#store.list(SERVICE)) this.#queue.add(objectKey(object));
  }

  onChange(event: StoreEvent): void {
    if (event.kind === SERVICE) this.#queue.add(objectKey(event.object));
    if (event.kind !== POD) return;
    for (const service of this.#store.list<Service>(SERVICE, event.object.metadata.namespace)) {
      const labels = [event.object.metadata.labels, event.before?.metadata.labels];
      if (labels.some((each) => selects(service, each))) this.#queue.add(objectKey(service));
    }
  }

  close(): void {
    this.#queue.close();
  }

  #reconcile(key: string): void {
    const { namespace, name } = splitKey(key);
    const service = this.#store.get<Service>(SERVICE, namespace, name);
    if (service === undefined || service.spec.selector === undefined) return;
    const pods = this.#store
      .list<Pod>(POD, namespace)
      .filter((pod) => selects(service, pod.metadata.labels) && isReachable(pod));
    const before = this.#store.get(ENDPOINT_SLICE, namespace, sliceName(service));
    const slice = endpointSlice(service, pods);
    this.#store.put(ENDPOINT_SLICE, {
      ...slice,
      metadata: { ...before?.metadata, ...slice.metadata },
    });
  }
}

function selects(service: Service, labels: Record<string, string> | undefined): boolean {
  const { selector } = service.spec;
  return selector !== undefined && matchesLabels({ matchLabels: selector }, labels);
}

function isReachable(pod: Pod): boolean {
  const phase = pod.status?.phase;
  return pod.status?.podIP !== undefined && phase !== "Failed" && phase !== "Succeeded";
}

function sliceName(service: Service): string {
  return `${service.metadata.name}-${(service.metadata.uid ?? "").slice(0, 5)}`;
}

/** Pure: a service and its pods to the slice that describes them. */
export function endpointSlice(service: Service, pods: readonly Pod[]): KubeObject {
  const { name, namespace, uid } = service.metadata;
  const publishNotReady = service.spec.publishNotReadyAddresses === true;
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: sliceName(service),
      ...(namespace === undefined ? {} : { namespace }),
      labels: {
        ...service.metadata.labels,
        "kubernetes.io/service-name": name,
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
      },
      ownerReferences: [
        {
          apiVersion: "v1",
          kind: "Service",
          name,
          uid: uid ?? "",
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    addressType: "IPv4",
    ports: (service.spec.ports ?? []).map((port) => ({
      name: port.name ?? "",
      protocol: port.protocol ?? "TCP",
      port: targetPort(port, pods),
    })),
    endpoints: pods.map((pod) => {
      const terminating = pod.metadata.deletionTimestamp !== undefined;
      const serving = publishNotReady || isReady(pod);
      return {
        addresses: [pod.status?.podIP],
        conditions: { ready: serving && !terminating, serving, terminating },
        nodeName: pod.spec.nodeName ?? "local",
        targetRef: {
          kind: "Pod",
          name: pod.metadata.name,
          namespace: pod.metadata.namespace,
          uid: pod.metadata.uid,
        },
      };
    }),
  };
}

function targetPort(port: V1ServicePort, pods: readonly Pod[]): number {
  const target = port.targetPort ?? port.port;
  if (typeof target === "number") return target;
  const named = pods
    .flatMap((pod) => pod.spec.containers.flatMap((container) => container.ports ?? []))
    .find((each) => each.name === target);
  return named?.containerPort ?? port.port;
}
