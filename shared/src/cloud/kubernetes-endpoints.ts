/** Ready replicas of every deployment from EndpointSlices: one list, then a watch from its resource version. */
import type { DiscoveryV1Api, V1EndpointSlice, Watch } from "@kubernetes/client-node";
import { messageOf } from "../domain/errors.ts";
import type { Timer, Timers } from "../domain/time.ts";
import type {
  Backend,
  BackendSource,
  BackendTable,
  ReleaseBackends,
} from "../ports/backend-source.ts";
import type { Logger } from "../ports/logger.ts";
import { DEPLOYMENT_LABEL, MEMORY_LABEL, PROJECT_LABEL } from "../manifest/names.ts";

export interface KubernetesEndpointsOptions {
  /** Path of a kubeconfig file; null = the pod's own service account. */
  readonly kubeconfig: string | null;
  readonly timers: Timers;
  readonly log: Logger;
}

const PATH = "/apis/discovery.k8s.io/v1/endpointslices";
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 10_000;
/** A watch that lasted this long ended in the ordinary way: the next one follows at once. */
const STEADY_MS = 5000;
/** The server ends a watch after this; what a dead connection hides is seen by then at the latest. */
const WATCH_SECONDS = 290;

export class KubernetesEndpoints implements BackendSource {
  private readonly options: KubernetesEndpointsOptions;

  constructor(options: KubernetesEndpointsOptions) {
    this.options = options;
  }

  watch(listener: (table: BackendTable) => void): () => void {
    const follower = new Follower(this.options, listener);
    follower.start();
    return () => follower.stop();
  }
}

interface Client {
  readonly api: DiscoveryV1Api;
  readonly watch: Watch;
}

/** One list-and-watch loop. */
class Follower {
  private readonly options: KubernetesEndpointsOptions;
  private readonly listener: (table: BackendTable) => void;
  private readonly slices = new Map<string, V1EndpointSlice>();
  private client: Client | null = null;
  /** "" = list first. */
  private resourceVersion = "";
  private pauseMs = 0;
  private timer: Timer | null = null;
  private abort: AbortController | null = null;
  private isStopped = false;
  private followedAt = Infinity;

  constructor(options: KubernetesEndpointsOptions, listener: (table: BackendTable) => void) {
    this.options = options;
    this.listener = listener;
  }

  start(): void {
    void this.run();
  }

  stop(): void {
    this.isStopped = true;
    this.timer?.cancel();
    this.abort?.abort();
  }

  private async run(): Promise<void> {
    try {
      if (this.resourceVersion === "") await this.list();
      if (!this.isStopped) await this.follow();
    } catch (error) {
      this.again(error);
    }
  }

  private async connect(): Promise<Client> {
    if (this.client !== null) return this.client;
    // Imported on first use: the client takes most of a second to load.
    const k8s = await import("@kubernetes/client-node");
    const config = new k8s.KubeConfig();
    if (this.options.kubeconfig === null) config.loadFromCluster();
    else config.loadFromFile(this.options.kubeconfig);
    this.client = { api: config.makeApiClient(k8s.DiscoveryV1Api), watch: new k8s.Watch(config) };
    return this.client;
  }

  private async list(): Promise<void> {
    const { api } = await this.connect();
    const found = await api.listEndpointSliceForAllNamespaces({ labelSelector: DEPLOYMENT_LABEL });
    this.slices.clear();
    for (const slice of found.items) this.slices.set(keyOf(slice), slice);
    this.resourceVersion = found.metadata?.resourceVersion ?? "";
    this.tell();
  }

  private async follow(): Promise<void> {
    const { watch } = await this.connect();
    const query = {
      labelSelector: DEPLOYMENT_LABEL,
      resourceVersion: this.resourceVersion,
      allowWatchBookmarks: true,
      timeoutSeconds: WATCH_SECONDS,
    };
    this.followedAt = this.options.timers.now();
    const abort = await watch.watch(
      PATH,
      query,
      (phase: string, object: unknown) => this.changed(phase, object as V1EndpointSlice),
      (error: unknown) => this.again(error),
    );
    this.abort = abort;
    if (this.isStopped) abort.abort();
  }

  private changed(phase: string, slice: V1EndpointSlice): void {
    if (this.isStopped) return;
    if (phase === "ERROR") {
      // 410 Gone: our version is too old to go on from, so the next round lists.
      this.resourceVersion = "";
      return;
    }
    this.resourceVersion = slice.metadata?.resourceVersion ?? this.resourceVersion;
    if (phase === "BOOKMARK") return;
    if (phase === "DELETED") this.slices.delete(keyOf(slice));
    else this.slices.set(keyOf(slice), slice);
    this.tell();
  }

  /** The next round, after a pause that grows while watches fail at once. */
  private again(error: unknown): void {
    if (this.isStopped) return;
    if (error !== null && error !== undefined) {
      this.options.log.warn("endpoint watch ended", { error: messageOf(error) });
      // A failed watch may have missed what the server no longer keeps.
      this.resourceVersion = "";
    }
    if (this.options.timers.now() - this.followedAt > STEADY_MS) this.pauseMs = 0;
    const pause = this.pauseMs;
    this.pauseMs = Math.min(Math.max(FIRST_PAUSE_MS, this.pauseMs * 2), MAX_PAUSE_MS);
    this.timer = this.options.timers.after(pause, () => void this.run());
  }

  private tell(): void {
    this.listener(backendsIn(this.slices.values()));
  }
}

function keyOf(slice: V1EndpointSlice): string {
  return `${slice.metadata?.namespace ?? ""}/${slice.metadata?.name ?? ""}`;
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
    .flatMap(({ addresses, targetRef }) =>
      addresses.slice(0, 1).map((ip) => ({
        address: slice.addressType === "IPv6" ? `[${ip}]:${port}` : `${ip}:${port}`,
        replica: targetRef?.name ?? "",
      })),
    );
}

/** Absent means unknown, which the API asks consumers to take as ready. */
function isReady(condition: boolean | undefined): boolean {
  return condition ?? true;
}
