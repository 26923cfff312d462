/** Runs every pod of the store on this machine and takes it down when it is deleted. */
import { rmSync } from "node:fs";
import type { Timers } from "@bifrost/shared/domain/time";
import type { Logger } from "@bifrost/shared/ports/logger";
import type { Sandbox } from "../../sandbox/sandbox.ts";
import type { LogRequest } from "../api/server.ts";
import type { ObjectStore, StoreEvent } from "../api/object-store.ts";
import { POD } from "../objects/kinds.ts";
import type { Pod, PodStatus } from "../objects/object.ts";
import type { PlatformImage, PulledImage } from "./image.ts";
import type { LogBatcher } from "./pod-logs.ts";
import type { FreePorts, PodAddresses } from "./pod-network.ts";
import { PodWorker } from "./pod-worker.ts";

export interface KubeletParts {
  readonly store: ObjectStore;
  readonly sandbox: Sandbox;
  readonly timers: Timers;
  readonly log: Logger;
  readonly logs: LogBatcher;
  readonly addresses: PodAddresses;
  readonly ports: FreePorts;
  /** Volumes and pid files of pods; emptied at start. */
  readonly podsDir: string;
  readonly platformImages: Readonly<Record<string, PlatformImage>>;
  pullImage(reference: string): Promise<PulledImage>;
  onStatus(pod: Pod, change: (latest: Pod) => PodStatus): void;
}

const STOP_GRACE_MS = 2000;

export class Kubelet {
  readonly #parts: KubeletParts;
  readonly #workers = new Map<string, PodWorker>();
  readonly #removing = new Set<Promise<void>>();
  #isStopped = false;

  constructor(parts: Omit<KubeletParts, "onStatus">) {
    this.#parts = {
      ...parts,
      onStatus: (pod, change) => {
        if (this.#isStopped) return;
        parts.store.update<Pod>(POD, pod, (latest) => ({ ...latest, status: change(latest) }));
      },
    };
  }

  /** Pods from before a restart come back under their names and addresses: their processes are gone. */
  start(): void {
    rmSync(this.#parts.podsDir, { recursive: true, force: true });
    for (const pod of this.#parts.store.list<Pod>(POD)) {
      if (pod.metadata.deletionTimestamp !== undefined) this.#parts.store.remove(POD, pod);
      else if (!isOver(pod)) this.#run(pod);
    }
  }

  onChange(event: StoreEvent): void {
    if (event.kind !== POD || this.#isStopped) return;
    const pod = event.object as Pod;
    const uid = pod.metadata.uid ?? "";
    if (event.type === "ADDED") this.#later(() => this.#run(pod));
    else if (event.type === "DELETED") this.#later(() => void this.#workers.get(uid)?.end(0));
    else if (pod.metadata.deletionTimestamp !== undefined) this.#later(() => this.#remove(pod));
  }

  logText(request: LogRequest): string | undefined {
    const worker = [...this.#workers.values()].find(
      ({ pod }) =>
        pod.metadata.name === request.pod && pod.metadata.namespace === request.namespace,
    );
    return worker?.container(request.container)?.logText(request.previous, request.tailLines);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([...this.#workers.values()].map((worker) => worker.end(STOP_GRACE_MS, 0)));
    await Promise.all(this.#removing);
  }

  /** Never inside the change itself: listeners of the store must not write to it. */
  #later(task: () => void): void {
    setImmediate(() => {
      if (!this.#isStopped) task();
    });
  }

  #run(pod: Pod): void {
    const uid = pod.metadata.uid ?? "";
    if (this.#workers.has(uid)) return;
    const worker = new PodWorker(pod, this.#parts);
    this.#workers.set(uid, worker);
    void worker.start();
  }

  #remove(pod: Pod): void {
    const uid = pod.metadata.uid ?? "";
    const grace = (pod.metadata.deletionGracePeriodSeconds ?? 30) * 1000;
    const worker = this.#workers.get(uid);
    const ended = worker?.end(grace) ?? Promise.resolve();
    const removal = this.#removeAfter(ended, pod).finally(() => this.#removing.delete(removal));
    this.#removing.add(removal);
  }

  async #removeAfter(ended: Promise<void>, pod: Pod): Promise<void> {
    await ended;
    if (this.#isStopped) return;
    this.#workers.delete(pod.metadata.uid ?? "");
    this.#parts.store.remove(POD, pod);
  }
}

function isOver(pod: Pod): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}
