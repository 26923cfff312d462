/** All objects of one kind that a label selector finds: one list, then a watch from its resource version. */
import type * as K8s from "@kubernetes/client-node";
import type { KubeConfig, KubernetesObject } from "@kubernetes/client-node";
import type { Timer, Timers } from "../domain/time.ts";
import { inTime, NoAnswer } from "../domain/in-time.ts";

/** What the follower was doing when it failed. */
export type ListWatchStep = "connect" | "list" | "watch";

export interface ListWatchOptions<T extends KubernetesObject> {
  /** Path of a kubeconfig file; null = the pod's own service account. */
  readonly kubeconfig: string | null;
  readonly timers: Timers;
  /** Of the kind, as the watch asks for it. */
  readonly path: string;
  readonly labelSelector: string;
  list(k8s: typeof K8s, config: KubeConfig): Promise<ObjectList<T>>;
  /** The complete set: after each list, and after every change. */
  onObjects(objects: Iterable<T>): void;
  /** It goes on by itself, with a list. */
  onError(error: unknown, step: ListWatchStep): void;
}

interface ObjectList<T> {
  readonly items: readonly T[];
  readonly metadata?: { readonly resourceVersion?: string };
}

interface Client {
  readonly k8s: typeof K8s;
  readonly config: KubeConfig;
}

const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 10_000;
/** A watch that lasted this long ended in the ordinary way: the next one follows at once. */
const STEADY_MS = 5000;
/** The server ends a watch after this. */
const WATCH_SECONDS = 290;
/** A watch that has not ended by then is one that the server, or the network, has forgotten. */
const LONGEST_WATCH_MS = (WATCH_SECONDS + 15) * 1000;
/** Of a list, and until a watch begins; the client itself waits for ever. */
const ANSWER_MS = 30_000;

export class KubernetesListWatch<T extends KubernetesObject> {
  private readonly options: ListWatchOptions<T>;
  private readonly objects = new Map<string, T>();
  private client: Client | null = null;
  /** "" = list first. */
  private resourceVersion = "";
  private step: ListWatchStep = "connect";
  private pauseMs = 0;
  private timer: Timer | null = null;
  /** Ends the watch that is under way. */
  private endWatch: () => void = () => {};
  private isStopped = false;
  private followedAt = Infinity;

  constructor(options: ListWatchOptions<T>) {
    this.options = options;
  }

  start(): void {
    void this.run();
  }

  /** Without the pause, when there is one. */
  hurry(): void {
    if (this.timer === null) return;
    this.timer.cancel();
    this.start();
  }

  stop(): void {
    this.isStopped = true;
    this.timer?.cancel();
    this.endWatch();
  }

  private async run(): Promise<void> {
    this.timer = null;
    try {
      if (this.resourceVersion === "") await this.list();
      if (!this.isStopped) await this.follow();
    } catch (error) {
      this.again(error);
    }
  }

  private async connect(): Promise<Client> {
    if (this.client !== null) return this.client;
    this.step = "connect";
    // Imported on first use: the client takes most of a second to load.
    const k8s = await import("@kubernetes/client-node");
    const config = new k8s.KubeConfig();
    if (this.options.kubeconfig === null) config.loadFromCluster();
    else config.loadFromFile(this.options.kubeconfig);
    // Outside of a cluster the client makes an address of variables that are not there.
    if (!URL.canParse(config.getCurrentCluster()?.server ?? "")) {
      throw new Error("this program runs in no pod, and no kubeconfig file is named");
    }
    this.client = { k8s, config };
    return this.client;
  }

  private async list(): Promise<void> {
    const { k8s, config } = await this.connect();
    this.step = "list";
    const found = await inTime(this.options.timers, ANSWER_MS, this.options.list(k8s, config));
    if (this.isStopped) return;
    this.objects.clear();
    for (const object of found.items) this.objects.set(keyOf(object), object);
    this.resourceVersion = found.metadata?.resourceVersion ?? "";
    this.tell();
  }

  private async follow(): Promise<void> {
    const { k8s, config } = await this.connect();
    this.step = "watch";
    const { path, labelSelector, timers } = this.options;
    const query = {
      labelSelector,
      resourceVersion: this.resourceVersion,
      allowWatchBookmarks: true,
      timeoutSeconds: WATCH_SECONDS,
    };
    this.followedAt = timers.now();
    let isOver = false;
    const over = (error: unknown): void => {
      if (isOver) return;
      isOver = true;
      forgotten.cancel();
      void abortOnceBegun(watch);
      this.again(error);
    };
    const forgotten = timers.after(LONGEST_WATCH_MS, () => over(new NoAnswer(LONGEST_WATCH_MS)));
    const watch = new k8s.Watch(config).watch(
      path,
      query,
      (phase: string, object: unknown) => {
        if (!isOver) this.changed(phase, object as T);
      },
      over,
    );
    this.endWatch = () => over(null);
    await inTime(timers, ANSWER_MS, watch).catch(over);
    if (this.isStopped) this.endWatch();
  }

  private changed(phase: string, object: T): void {
    if (this.isStopped) return;
    if (phase === "ERROR") {
      // 410 Gone: our version is too old to go on from, so the next round lists.
      this.resourceVersion = "";
      return;
    }
    this.resourceVersion = object.metadata?.resourceVersion ?? this.resourceVersion;
    if (phase === "BOOKMARK") return;
    if (phase === "DELETED") this.objects.delete(keyOf(object));
    else this.objects.set(keyOf(object), object);
    this.tell();
  }

  /** The next round, after a pause that grows while watches fail at once. */
  private again(error: unknown): void {
    if (this.isStopped) return;
    if (error !== null && error !== undefined) {
      this.options.onError(error, this.step);
      // A failed watch may have missed what the server no longer keeps.
      this.resourceVersion = "";
    }
    if (this.options.timers.now() - this.followedAt > STEADY_MS) this.pauseMs = 0;
    const pause = this.pauseMs;
    this.pauseMs = Math.min(Math.max(FIRST_PAUSE_MS, this.pauseMs * 2), MAX_PAUSE_MS);
    this.timer = this.options.timers.after(pause, () => void this.run());
  }

  private tell(): void {
    this.options.onObjects(this.objects.values());
  }
}

/** Which may be never. */
async function abortOnceBegun(watch: Promise<AbortController>): Promise<void> {
  try {
    (await watch).abort();
  } catch {
    // It never began.
  }
}

function keyOf(object: KubernetesObject): string {
  return `${object.metadata?.namespace ?? ""}/${object.metadata?.name ?? ""}`;
}
