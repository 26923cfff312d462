/**
 * Kubernetes on one machine: the API server's protocol, the controllers of Deployments, and a kubelet that runs
 * pods as sandboxed processes. NetworkPolicies, autoscalers and disruption budgets are stored, not enforced.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BifrostError, messageOf } from "@bifrost/shared/domain/errors";
import type { Sandbox, SandboxLevel } from "../sandbox/sandbox.ts";
import type { RunningStandIn, StandInOptions } from "../stand-in.ts";
import { Journal } from "./api/journal.ts";
import { ObjectStore } from "./api/object-store.ts";
import { Resources } from "./api/resources.ts";
import { ApiServer } from "./api/server.ts";
import type { LogRequest } from "./api/server.ts";
import { DeploymentController } from "./controllers/deployment-controller.ts";
import { EndpointSliceController } from "./controllers/endpoint-slice-controller.ts";
import { GarbageCollector } from "./controllers/garbage-collector.ts";
import { ReplicaSetController } from "./controllers/replica-set-controller.ts";
import type { PlatformImage, PulledImage } from "./kubelet/image.ts";
import { Kubelet } from "./kubelet/kubelet.ts";
import { LogBatcher } from "./kubelet/pod-logs.ts";
import type { PodLogLine } from "./kubelet/pod-logs.ts";
import { FreePorts, PodAddresses } from "./kubelet/pod-network.ts";
import { DEPLOYMENT, NAMESPACE, POD } from "./objects/kinds.ts";
import type { Pod } from "./objects/object.ts";

export type { PlatformImage, PodLogLine, PulledImage };

export interface KubernetesOptions extends StandInOptions {
  readonly sandbox: Sandbox;
  /** Bearer token of the one client; a random one when absent. */
  readonly token?: string;
  /** Gets an image unpacked, by reference; a rejection shows as ImagePullBackOff and is tried again. */
  readonly pullImage: (reference: string) => Promise<PulledImage>;
  /** By prefix of the image reference: programs of the platform that run outside the sandbox. */
  readonly platformImages?: Readonly<Record<string, PlatformImage>>;
  /** Every line of every container, in batches of at most 100 ms or about 64 KiB. */
  readonly writeLogs?: (entries: PodLogLine[]) => void;
}

export interface KubernetesInfo {
  readonly level: SandboxLevel;
  readonly podsByPhase: Readonly<Record<string, number>>;
  readonly deployments: number;
  /** Pod templates put in force since this start; applying the same Deployment again adds none. */
  readonly rollouts: number;
  readonly watches: number;
  readonly [fact: string]: unknown;
}

export interface RunningKubernetes extends RunningStandIn {
  readonly token: string;
  readonly url: string;
  /** A kubeconfig file's text for kubectl and the client libraries. */
  kubeconfig(): string;
  info(): KubernetesInfo;
}

/** Starts everything on 127.0.0.1; pods found in `dataDir` come back by themselves. */
export async function startKubernetes(options: KubernetesOptions): Promise<RunningKubernetes> {
  const { timers, log, dataDir } = options;
  const store = new ObjectStore(timers, dataDir === undefined ? undefined : new Journal(dataDir));
  const resources = new Resources(store, timers);
  const logs = new LogBatcher(timers, options.writeLogs ?? (() => {}));
  const kubelet = new Kubelet({
    store,
    timers,
    log,
    logs,
    sandbox: options.sandbox,
    pullImage: options.pullImage,
    platformImages: options.platformImages ?? {},
    addresses: new PodAddresses(options.port),
    ports: new FreePorts(),
    podsDir: join(dataDir ?? mkdtempSync(join(tmpdir(), "kubelet-")), "pods"),
  });
  const deployments = new DeploymentController(store, timers, log);
  const controllers = [
    deployments,
    new ReplicaSetController(store, resources, timers, log),
    new EndpointSliceController(store, log),
    new GarbageCollector(store, resources, log),
  ];
  const token = options.token ?? randomBytes(24).toString("hex");
  const readLog = (request: LogRequest) => kubelet.logText(request);
  const api = new ApiServer({ store, resources, token, log, readLog });
  const port = await listen(api, options.port ?? 0);
  const parts = [...controllers, kubelet];
  for (const part of parts) store.subscribe((event) => part.onChange(event));
  createDefaultNamespace(store);
  kubelet.start();
  for (const controller of controllers) controller.start();
  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    for (const controller of controllers) controller.close();
    await kubelet.stop();
    logs.flush();
    await api.close();
  };
  const counters = () => ({
    level: options.sandbox.level,
    rollouts: deployments.rollouts,
    watches: api.watchCount,
  });
  const url = `http://127.0.0.1:${port}`;
  return {
    product: "kubernetes",
    host: "127.0.0.1",
    port,
    token,
    url,
    kubeconfig: () => kubeconfigText(url, token),
    info: () => ({ ...countObjects(store), ...counters() }),
    stop: () => (stopping ??= stop()),
  };
}

function countObjects(store: ObjectStore) {
  return {
    podsByPhase: countPhases(store.list<Pod>(POD)),
    deployments: store.list(DEPLOYMENT).length,
  };
}

function createDefaultNamespace(store: ObjectStore): void {
  if (store.get(NAMESPACE, undefined, "default") !== undefined) return;
  store.put(NAMESPACE, {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "default" },
    status: { phase: "Active" },
  });
}

function listen(api: ApiServer, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    api.server.once("error", (error) => {
      const text = `The Kubernetes stand-in cannot listen on 127.0.0.1:${port}: ${messageOf(error)}`;
      reject(new BifrostError("port-taken", text, { port }));
    });
    api.server.listen(port, "127.0.0.1", () => resolve((api.server.address() as AddressInfo).port));
  });
}

function countPhases(pods: readonly Pod[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const pod of pods) {
    const phase = pod.status?.phase ?? "Pending";
    counts[phase] = (counts[phase] ?? 0) + 1;
  }
  return counts;
}

// client-node refuses plain http servers unless TLS verification is switched off by name.
function kubeconfigText(server: string, token: string): string {
  const config = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "local", cluster: { server, "insecure-skip-tls-verify": true } }],
    users: [{ name: "platform", user: { token } }],
    contexts: [{ name: "local", context: { cluster: "local", user: "platform" } }],
    "current-context": "local",
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}
