/** Running pods by their labels, through the Kubernetes API. */
import type { V1Pod } from "@kubernetes/client-node";
import type { Timers } from "../domain/time.ts";
import type {
  FoundPod,
  PodListener,
  PodProblem,
  PodSelection,
  PodSource,
  PodWatch,
} from "../ports/pod-source.ts";
import { reasonOf } from "./kubernetes-errors.ts";
import { KubernetesListWatch, type ListWatchStep } from "./kubernetes-list-watch.ts";
import { isLeaving } from "./kubernetes-pod-report.ts";

export interface KubernetesPodsOptions {
  /** Path of a kubeconfig file; null = the pod's own service account. */
  readonly kubeconfig: string | null;
  readonly timers: Timers;
}

export class KubernetesPods implements PodSource {
  readonly #options: KubernetesPodsOptions;

  constructor(options: KubernetesPodsOptions) {
    this.#options = options;
  }

  watch({ namespace, labelSelector }: PodSelection, listener: PodListener): PodWatch {
    const follower = new KubernetesListWatch<V1Pod>({
      ...this.#options,
      path: `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`,
      labelSelector,
      list: (k8s, config) =>
        config.makeApiClient(k8s.CoreV1Api).listNamespacedPod({ namespace, labelSelector }),
      onObjects: (pods) => listener.onPods(podsIn(pods)),
      onError: (error, step) => listener.onProblem(problemOf(error, step)),
    });
    follower.start();
    return follower;
  }
}

export function podsIn(pods: Iterable<V1Pod>): readonly FoundPod[] {
  return [...pods].flatMap((pod) => {
    const { podIP: ip, phase } = pod.status ?? {};
    if (ip === undefined || ip === "" || phase !== "Running" || isLeaving(pod)) return [];
    return [{ name: pod.metadata?.name ?? "", ip }];
  });
}

function problemOf(error: unknown, step: ListWatchStep): PodProblem {
  const message = reasonOf(error);
  if (step === "connect") return { kind: "config", message };
  return { kind: statusOf(error) === 403 ? "forbidden" : "unreachable", message };
}

/** The client tells it as `code` of a list and `statusCode` of a watch. */
function statusOf(error: unknown): number | null {
  if (typeof error !== "object" || error === null) return null;
  if ("statusCode" in error) return Number(error.statusCode);
  return "code" in error ? Number(error.code) : null;
}
