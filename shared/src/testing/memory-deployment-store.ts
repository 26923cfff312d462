/** Deployments in memory: the versions of the real store and the refusals of the security rules. */
import type { Deployment, Transition } from "../domain/deployment.ts";
import { BifrostError } from "../domain/errors.ts";
import type { DeploymentId, ProjectId } from "../domain/ids.ts";
import { type Creator, findMove, type State } from "../domain/lifecycle.ts";
import type { Project } from "../domain/project.ts";
import type { Clock } from "../domain/time.ts";
import type { MoveDecision } from "../domain/transition.ts";
import type {
  DeploymentStore,
  LivePointer,
  LogChunk,
  NewDeployment,
  Note,
  NoteName,
  Versioned,
} from "../ports/deployment-store.ts";
import { newDeployment } from "./fixtures.ts";
import type { MemoryProjectStore } from "./memory-project-store.ts";

interface Stored<T> {
  readonly value: T;
  readonly version: number;
}

export class MemoryDeploymentStore implements DeploymentStore {
  readonly #projects: MemoryProjectStore;
  readonly #clock: Clock;
  readonly #deployments = new Map<DeploymentId, Stored<Deployment>>();
  readonly #notes = new Map<string, Stored<Note>>();
  readonly #transitions = new Map<DeploymentId, Transition[]>();
  readonly #logs = new Map<DeploymentId, LogChunk[]>();
  readonly #replicas = new Map<DeploymentId, readonly Note[]>();

  constructor(projects: MemoryProjectStore, clock: Clock) {
    this.#projects = projects;
    this.#clock = clock;
  }

  /** Stores a deployment past every check. */
  put(deployment: Deployment): Deployment {
    const version = this.#deployments.get(deployment.id)?.version ?? 0;
    this.#deployments.set(deployment.id, { value: deployment, version: version + 1 });
    return deployment;
  }

  putReplicas(id: DeploymentId, replicas: readonly Note[]): void {
    this.#replicas.set(id, replicas);
  }

  async read(id: DeploymentId): Promise<Versioned<Deployment> | null> {
    return versioned(this.#deployments.get(id));
  }

  async create(
    id: DeploymentId,
    fields: NewDeployment,
    project: Versioned<Project>,
    by: Creator,
  ): Promise<Deployment> {
    if (this.#deployments.has(id)) throw new BifrostError("already-exists", `${id} exists`);
    const { id: projectId, teamId, nextNumber: number } = project.value;
    this.#projects.change(project, { newestDeploymentId: id, nextNumber: number + 1 });
    const at = new Date(this.#clock.now());
    const created = newDeployment({
      ...fields,
      id,
      projectId,
      teamId,
      number,
      stateSince: at,
      createdAt: at,
    });
    this.#transitions.set(id, [
      { from: null, to: "queued", by, at, attempt: 1, seq: 1, why: null, evidence: null },
    ]);
    return this.put(created);
  }

  async move(
    current: Versioned<Deployment>,
    decision: MoveDecision,
    live?: LivePointer,
  ): Promise<Deployment> {
    const { id, number, seq } = current.value;
    this.#assertCurrent(current);
    const { transition, move } = decision;
    const legal = findMove(current.value.state, move.to);
    if (legal?.owner !== transition.by || decision.seq !== seq + 1) {
      throw new BifrostError("permission-denied", `no rule allows ${transition.by} this move`);
    }
    if (live !== undefined) {
      if (live.project.value.liveNumber >= number)
        throw new BifrostError("permission-denied", "an older release never takes over");
      const { liveDeploymentId: formerDeploymentId } = live.project.value;
      const pointer = { liveDeploymentId: id, formerDeploymentId, liveNumber: number };
      this.#projects.change(live.project, pointer);
    }
    const at = new Date(this.#clock.now());
    this.#transitions.set(id, [...(this.#transitions.get(id) ?? []), { ...transition, at }]);
    const { attempt, fields } = decision;
    return this.put({
      ...current.value,
      ...fields,
      state: move.to,
      seq: decision.seq,
      attempt,
      stateSince: at,
    });
  }

  async annotate(
    id: DeploymentId,
    fields: { configHash: string } | { retiredAt: Date },
  ): Promise<void> {
    const found = this.#deployments.get(id);
    if (found === undefined) throw new BifrostError("not-found", `there is no ${id}`);
    this.put({ ...found.value, ...fields });
  }

  async readNote(id: DeploymentId, name: NoteName): Promise<Versioned<Note> | null> {
    return versioned(this.#notes.get(`${id}/${name}`));
  }

  async writeNote(
    id: DeploymentId,
    name: NoteName,
    note: Note,
    version?: string | null,
  ): Promise<void> {
    const key = `${id}/${name}`;
    const found = this.#notes.get(key);
    if (version === null && found !== undefined)
      throw new BifrostError("already-exists", `${key} exists`);
    if (typeof version === "string" && String(found?.version) !== version)
      throw new BifrostError("write-conflict", `${key} changed since it was read`);
    this.#notes.set(key, { value: note, version: (found?.version ?? 0) + 1 });
  }

  async transitions(id: DeploymentId): Promise<readonly Transition[]> {
    return this.#transitions.get(id) ?? [];
  }

  async lastLogs(
    id: DeploymentId,
    stream: LogChunk["stream"],
    limit: number,
  ): Promise<readonly LogChunk[]> {
    return (this.#logs.get(id) ?? [])
      .filter((chunk) => chunk.stream === stream)
      .toSorted((one, other) => (one.id < other.id ? -1 : 1))
      .slice(-limit);
  }

  async appendLog(id: DeploymentId, chunk: LogChunk): Promise<boolean> {
    const chunks = this.#logs.get(id) ?? [];
    if (chunks.some((one) => one.id === chunk.id)) return true;
    this.#logs.set(id, [...chunks, chunk]);
    return false;
  }

  async listByProject(
    projectId: ProjectId,
    options: { limit: number; before?: number; commit?: string },
  ): Promise<readonly Deployment[]> {
    const { limit, before = Infinity, commit } = options;
    return [...this.#deployments.values()]
      .map(({ value }) => value)
      .filter((one) => one.projectId === projectId && one.number < before)
      .filter((one) => commit === undefined || one.commit.sha === commit)
      .toSorted((one, other) => other.number - one.number)
      .slice(0, limit);
  }

  async listInStates(states: readonly State[], limit: number): Promise<readonly Deployment[]> {
    return [...this.#deployments.values()]
      .map(({ value }) => value)
      .filter((one) => states.includes(one.state))
      .toSorted((one, other) => one.stateSince.getTime() - other.stateSince.getTime())
      .slice(0, limit);
  }

  async replicas(id: DeploymentId): Promise<readonly Note[]> {
    return this.#replicas.get(id) ?? [];
  }

  #assertCurrent({ value, version }: Versioned<Deployment>): void {
    if (String(this.#deployments.get(value.id)?.version) === version) return;
    throw new BifrostError("write-conflict", "the deployment changed since it was read");
  }
}

function versioned<T>(stored: Stored<T> | undefined): Versioned<T> | null {
  return stored === undefined ? null : { value: stored.value, version: String(stored.version) };
}
