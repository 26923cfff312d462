/** The Kubernetes cluster that runs the apps. */

/** What every Kubernetes object has; the rest of it is the manifest's business. */
export interface ClusterObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata?: { readonly name?: string; readonly namespace?: string };
}

export interface ContainerEnd {
  readonly exitCode: number;
  /** Kubernetes' word: `Error`, `Completed`, `OOMKilled`. */
  readonly reason: string;
}

export interface PodReport {
  readonly name: string;
  readonly phase: string;
  /** The app container runs now. */
  readonly running: boolean;
  readonly ready: boolean;
  /** When the pod became ready or stopped being so; null when the cluster does not say. */
  readonly readyChangedAt: Date | null;
  readonly restarts: number;
  /** Why the app container waits, for example `CrashLoopBackOff`; null when it does not. */
  readonly waiting: string | null;
  /** How the app container ended last; null when it never did. */
  readonly ended: ContainerEnd | null;
}

export interface Rollout {
  /** Replicas asked for. */
  readonly desired: number;
  /** Kubernetes gave up waiting (progressDeadlineSeconds). */
  readonly stalled: boolean;
  readonly pods: readonly PodReport[];
}

export interface Workload {
  readonly deploymentId: string;
  readonly namespace: string;
}

export interface Cluster {
  /** Server-side apply, in order; the same objects again change nothing. */
  apply(objects: readonly ClusterObject[]): Promise<void>;
  /** Null when the cluster holds no workload of this deployment. */
  inspect(workload: Workload): Promise<Rollout | null>;
  /** Last lines of the app container, the previous one's when it restarted. */
  lastLines(workload: Workload, pod: string, limit: number): Promise<readonly string[]>;
  /** Removes every object of the deployment and waits until no pod of it is left; nothing there is fine. */
  remove(workload: Workload): Promise<void>;
  workloads(): Promise<readonly Workload[]>;
}
