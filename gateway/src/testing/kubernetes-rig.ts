/** The stand-in API server, with a pod that sleeps for each node. */
import { writeFileSync } from "node:fs";
import { type Cluster, startCluster } from "@bifrost/local/kubernetes/testing/cluster";
import { systemTimers } from "@bifrost/shared/domain/time";
import type { PodSource } from "@bifrost/shared/ports/pod-source";
import { KubernetesDiscovery } from "../discovery/kubernetes.ts";
import type { MethodRig } from "../discovery/discovery.contract.ts";
import type { DiscoveryBasics } from "../discovery/parts.ts";
import { freePort, testFolder } from "./programs.ts";

const NAMESPACE = "default";
const LABELS = { app: "bifrost", env: "prod" };
const SLEEPER = "setInterval(() => {}, 1e9)";
const WAIT_MS = 15_000;

export function kubernetesDiscovery(pods: PodSource, basics: DiscoveryBasics) {
  const config = {
    type: "kubernetes",
    namespace: NAMESPACE,
    labelSelector: "app=bifrost,env=prod",
    serviceName: "",
    bindPort: 10101,
    dialTimeoutMs: 3000,
    allowedAddressSpace: [],
  } as const;
  return new KubernetesDiscovery(config, basics, pods);
}

function pod(name: string, image: string, labels: Readonly<Record<string, string>>) {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: NAMESPACE, labels },
    spec: { terminationGracePeriodSeconds: 1, containers: [{ name: "gateway", image }] },
  };
}

/** `podsOf`: the pods of the cluster that a kubeconfig file names. */
export async function kubernetesRig(podsOf: (kubeconfig: string) => PodSource): Promise<MethodRig> {
  const folder = testFolder();
  const kubeconfig = folder.file("kubeconfig");
  const fixed = { port: await freePort(), token: "a-token", dataDir: folder.file("data") };
  let cluster: Cluster | null = null;
  const start = async (): Promise<void> => {
    cluster = await startCluster({ "gateway:1": SLEEPER }, fixed);
    writeFileSync(kubeconfig, cluster.kubernetes.kubeconfig());
  };
  const stop = async (): Promise<void> => {
    await cluster?.stop();
    cluster = null;
  };
  await start();
  const ips = new Map<string, string>();
  const running = (): Cluster => {
    if (cluster === null) throw new Error("the cluster is stopped");
    return cluster;
  };
  return {
    addressOf: (name) => `${ips.get(name) ?? ""}:10101`,
    make: (_, basics) => kubernetesDiscovery(podsOf(kubeconfig), basics),
    async enter(name) {
      await running().apply(pod(name, "gateway:1", LABELS));
      ips.set(name, await runningIp(running(), name));
    },
    async remove(name) {
      await running().core.deleteNamespacedPod({ name, namespace: NAMESPACE });
    },
    backend: { start, stop },
    async rubbish() {
      await running().apply(pod("never-pulled", "unknown:1", LABELS));
      await running().apply(pod("other-labels", "gateway:1", { app: "bifrost", env: "test" }));
    },
    async close() {
      await stop();
      folder.remove();
    },
  };
}

async function runningIp(cluster: Cluster, name: string): Promise<string> {
  const end = Date.now() + WAIT_MS;
  for (;;) {
    const { status } = await cluster.core.readNamespacedPod({ name, namespace: NAMESPACE });
    if (status?.phase === "Running" && status.podIP !== undefined) return status.podIP;
    if (Date.now() > end) throw new Error(`the pod ${name} does not run: ${status?.phase}`);
    await systemTimers.sleep(15);
  }
}
