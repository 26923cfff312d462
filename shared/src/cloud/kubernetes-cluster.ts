/** The cluster through the official client; everything a deployment owns is found by its label. */
import type { CoreV1Api, KubeConfig, KubernetesObject, V1Pod } from "@kubernetes/client-node";
import { BifrostError } from "../domain/errors.ts";
import type { Timers } from "../domain/time.ts";
import type { Cluster, PodReport, Rollout, Workload } from "../ports/cluster.ts";

export interface ClusterOptions {
  /** Path of a kubeconfig file; null = the pod's own service account. */
  readonly kubeconfig: string | null;
  readonly timers: Timers;
}

export const DEPLOYMENT_LABEL = "bifrost.dev/deployment";
const FIELD_MANAGER = "bifrost";
const APP_CONTAINER = "app";
/** Longest wait for pods to end: their grace period of 30 s and a margin. */
const REMOVAL_TIMEOUT_MS = 45_000;
const REMOVAL_POLL_MS = 100;

export async function kubernetesCluster(options: ClusterOptions): Promise<Cluster> {
  // Imported on first use: the client takes most of a second to load.
  const k8s = await import("@kubernetes/client-node");
  const config: KubeConfig = new k8s.KubeConfig();
  if (options.kubeconfig === null) config.loadFromCluster();
  else config.loadFromFile(options.kubeconfig);
  const objects = k8s.KubernetesObjectApi.makeApiClient(config);
  const apps = config.makeApiClient(k8s.AppsV1Api);
  const core = config.makeApiClient(k8s.CoreV1Api);
  const autoscaling = config.makeApiClient(k8s.AutoscalingV2Api);
  const policy = config.makeApiClient(k8s.PolicyV1Api);
  const networking = config.makeApiClient(k8s.NetworkingV1Api);

  const selected = (workload: Workload) => ({
    namespace: workload.namespace,
    labelSelector: `${DEPLOYMENT_LABEL}=${workload.deploymentId}`,
  });

  async function inspect(workload: Workload): Promise<Rollout | null> {
    const [deployments, pods] = await Promise.all([
      translate(apps.listNamespacedDeployment(selected(workload))),
      translate(core.listNamespacedPod(selected(workload))),
    ]);
    const [deployment] = deployments.items;
    if (deployment === undefined) return null;
    const progressing = deployment.status?.conditions?.find((one) => one.type === "Progressing");
    return {
      desired: deployment.spec?.replicas ?? 1,
      stalled: progressing?.reason === "ProgressDeadlineExceeded",
      pods: pods.items
        .filter((pod) => pod.metadata?.deletionTimestamp === undefined)
        .map(toPodReport),
    };
  }

  async function remove(workload: Workload): Promise<void> {
    const scope = selected(workload);
    await Promise.all([
      translate(apps.deleteCollectionNamespacedDeployment(scope)),
      translate(core.deleteCollectionNamespacedService(scope)),
      translate(core.deleteCollectionNamespacedConfigMap(scope)),
      translate(core.deleteCollectionNamespacedSecret(scope)),
      translate(autoscaling.deleteCollectionNamespacedHorizontalPodAutoscaler(scope)),
      translate(policy.deleteCollectionNamespacedPodDisruptionBudget(scope)),
      translate(networking.deleteCollectionNamespacedNetworkPolicy(scope)),
    ]);
    const deadline = options.timers.now() + REMOVAL_TIMEOUT_MS;
    while ((await translate(core.listNamespacedPod(scope))).items.length > 0) {
      if (options.timers.now() > deadline) {
        throw new BifrostError(
          "upstream-unavailable",
          "the cluster still runs pods of the deployment",
          {
            ...workload,
          },
        );
      }
      await options.timers.sleep(REMOVAL_POLL_MS);
    }
  }

  return {
    async apply(list) {
      for (const object of list) {
        await translate(
          objects.patch(
            object as KubernetesObject,
            undefined,
            undefined,
            FIELD_MANAGER,
            true,
            k8s.PatchStrategy.ServerSideApply,
          ),
        );
      }
    },
    inspect,
    remove,
    lastLines: (workload, pod, limit) => lastLines(core, workload, pod, limit),
    async workloads() {
      const found = await translate(
        apps.listDeploymentForAllNamespaces({ labelSelector: DEPLOYMENT_LABEL }),
      );
      return found.items.map((deployment) => ({
        deploymentId: deployment.metadata?.labels?.[DEPLOYMENT_LABEL] ?? "",
        namespace: deployment.metadata?.namespace ?? "",
      }));
    },
  };
}

async function lastLines(
  core: CoreV1Api,
  workload: Workload,
  pod: string,
  limit: number,
): Promise<readonly string[]> {
  const request = {
    namespace: workload.namespace,
    name: pod,
    container: APP_CONTAINER,
    tailLines: limit,
  };
  for (const previous of [true, false]) {
    try {
      const text: unknown = await core.readNamespacedPodLog({ ...request, previous });
      if (typeof text === "string" && text !== "") return text.trimEnd().split("\n").slice(-limit);
    } catch {
      // No log of that run: the other one may have some; none at all is an answer too.
    }
  }
  return [];
}

function toPodReport(pod: V1Pod): PodReport {
  const status = pod.status?.containerStatuses?.find((one) => one.name === APP_CONTAINER);
  const ended = status?.state?.terminated ?? status?.lastState?.terminated;
  return {
    name: pod.metadata?.name ?? "",
    phase: pod.status?.phase ?? "Unknown",
    running: status?.state?.running !== undefined,
    ready: status?.ready ?? false,
    restarts: status?.restartCount ?? 0,
    waiting: status?.state?.waiting?.reason ?? null,
    ended:
      ended === undefined ? null : { exitCode: ended.exitCode, reason: ended.reason ?? "Error" },
  };
}

async function translate<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    const status =
      typeof error === "object" && error !== null && "code" in error ? Number(error.code) : 0;
    const unavailable = Number.isNaN(status) || status === 0 || status >= 500 || status === 429;
    throw new BifrostError(
      unavailable ? "upstream-unavailable" : "upstream-refused",
      `Kubernetes refused the call: ${reasonOf(error)}`,
      { status: Number.isNaN(status) ? null : status },
      { cause: error },
    );
  }
}

function reasonOf(error: unknown): string {
  const body =
    typeof error === "object" && error !== null && "body" in error ? error.body : undefined;
  if (typeof body === "string") {
    try {
      return (JSON.parse(body) as { message?: string }).message ?? body.slice(0, 300);
    } catch {
      return body.slice(0, 300);
    }
  }
  return error instanceof Error ? error.message.slice(0, 300) : String(error);
}
