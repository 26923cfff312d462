/** The cluster through the official client; everything a deployment owns is found by its label. */
import type * as K8s from "@kubernetes/client-node";
import type { CoreV1Api, KubeConfig, KubernetesObject } from "@kubernetes/client-node";
import { BifrostError } from "../domain/errors.ts";
import type { Timers } from "../domain/time.ts";
import { APP_CONTAINER, DEPLOYMENT_LABEL } from "../manifest/names.ts";
import type { Cluster, ClusterObject, Rollout, Workload } from "../ports/cluster.ts";
import { translate } from "./kubernetes-errors.ts";
import { isLeaving, toPodReport } from "./kubernetes-pod-report.ts";

export interface ClusterOptions {
  /** Path of a kubeconfig file; null = the pod's own service account. */
  readonly kubeconfig: string | null;
  readonly timers: Timers;
}

const FIELD_MANAGER = "bifrost";
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
  const deleteAll = deletions(k8s, config);

  async function apply(object: ClusterObject): Promise<void> {
    // The client writes what its own parser made; given plain JSON it would drop `from` of a network policy.
    const parsed = k8s.loadYaml<KubernetesObject>(JSON.stringify(object));
    const { ServerSideApply } = k8s.PatchStrategy;
    await translate(
      objects.patch(parsed, undefined, undefined, FIELD_MANAGER, true, ServerSideApply),
    );
  }

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
      pods: pods.items.filter((pod) => !isLeaving(pod)).map(toPodReport),
    };
  }

  return {
    async apply(list) {
      for (const object of list) await apply(object);
    },
    inspect,
    async remove(workload) {
      await deleteAll(workload);
      await untilGone(core, options.timers, workload);
    },
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

function selected(workload: Workload): { namespace: string; labelSelector: string } {
  return {
    namespace: workload.namespace,
    labelSelector: `${DEPLOYMENT_LABEL}=${workload.deploymentId}`,
  };
}

/** One deletion for each kind of object a deployment consists of. */
function deletions(k8s: typeof K8s, config: KubeConfig): (workload: Workload) => Promise<void> {
  const apps = config.makeApiClient(k8s.AppsV1Api);
  const core = config.makeApiClient(k8s.CoreV1Api);
  const autoscaling = config.makeApiClient(k8s.AutoscalingV2Api);
  const policy = config.makeApiClient(k8s.PolicyV1Api);
  const networking = config.makeApiClient(k8s.NetworkingV1Api);
  return async (workload) => {
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
  };
}

async function untilGone(core: CoreV1Api, timers: Timers, workload: Workload): Promise<void> {
  const deadline = timers.now() + REMOVAL_TIMEOUT_MS;
  while ((await translate(core.listNamespacedPod(selected(workload)))).items.length > 0) {
    if (timers.now() > deadline) {
      throw new BifrostError(
        "upstream-unavailable",
        "the cluster still runs pods of the deployment",
        { ...workload },
      );
    }
    await timers.sleep(REMOVAL_POLL_MS);
  }
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
