/** A cluster in memory: what was applied is kept, what it reports is set by the test. */
import type { Cluster, ClusterObject, PodReport, Rollout, Workload } from "../ports/cluster.ts";

export function newPod(changes: Partial<PodReport> = {}): PodReport {
  return {
    name: "app-1",
    phase: "Running",
    running: true,
    ready: true,
    readyChangedAt: null,
    restarts: 0,
    waiting: null,
    ended: null,
    ...changes,
  };
}

export class MemoryCluster implements Cluster {
  readonly applied: ClusterObject[] = [];
  readonly removed: string[] = [];
  /** Answered one after the other by `inspect`; the last one stays. */
  reports: (Rollout | null)[] = [null];
  running: Workload[] = [];
  lines: readonly string[] = [];
  /** Runs inside every apply, after the objects are stored. */
  onApply: () => Promise<void> = async () => {};

  async apply(objects: readonly ClusterObject[]): Promise<void> {
    this.applied.push(...objects);
    await this.onApply();
  }

  async inspect(): Promise<Rollout | null> {
    return (this.reports.length > 1 ? this.reports.shift() : this.reports[0]) ?? null;
  }

  async lastLines(_: Workload, __: string, limit: number): Promise<readonly string[]> {
    return this.lines.slice(-limit);
  }

  async remove(workload: Workload): Promise<void> {
    this.removed.push(workload.deploymentId);
    this.running = this.running.filter((one) => one.deploymentId !== workload.deploymentId);
  }

  async workloads(): Promise<readonly Workload[]> {
    return this.running;
  }
}
