/** Deployments and everything kept under them; the one write path of the lifecycle. */
import type { Deployment, Transition } from "../domain/deployment.ts";
import type { DeploymentId, ProjectId } from "../domain/ids.ts";
import type { Creator, State } from "../domain/lifecycle.ts";
import type { Project } from "../domain/project.ts";
import type { MoveDecision } from "../domain/transition.ts";

/** A document as read, with the tag a later write must still find. */
export interface Versioned<T> {
  readonly value: T;
  /** Opaque; a write that finds another one fails with `write-conflict`. */
  readonly version: string;
}

/** Documents beside a deployment, written by the functions named in firestore.rules. */
export type NoteName =
  | "snapshot/config"
  | "snapshot/diagnostics"
  | "internal/build"
  | "internal/execution"
  | "internal/observation";

export type Note = Readonly<Record<string, unknown>>;

/** What verify moves together with `running → healthy`. */
export interface LivePointer {
  readonly project: Versioned<Project>;
}

export type NewDeployment = Omit<
  Deployment,
  | "id"
  | "number"
  | "state"
  | "seq"
  | "attempt"
  | "stateSince"
  | "createdAt"
  | "configHash"
  | "imageDigest"
  | "manifestsHash"
  | "url"
  | "failure"
  | "retiredAt"
  | "projectId"
  | "teamId"
>;

export interface LogChunk {
  readonly id: string;
  readonly stream: "build" | "deploy" | "runtime";
  readonly step: string;
  readonly lines: readonly string[];
  readonly at: Date;
}

export interface DeploymentStore {
  read(id: DeploymentId): Promise<Versioned<Deployment> | null>;
  /** Creates at `queued` with its first transition and takes the project's next number, all in one commit. */
  create(
    id: DeploymentId,
    fields: NewDeployment,
    project: Versioned<Project>,
    by: Creator,
  ): Promise<Deployment>;
  /** Writes a decided move with its transition; with `live`, points the project at this deployment as well. */
  move(
    current: Versioned<Deployment>,
    decision: MoveDecision,
    live?: LivePointer,
  ): Promise<Deployment>;
  /** Sets a field no move owns: `configHash` while validating, `retiredAt` when workloads are gone. */
  annotate(id: DeploymentId, fields: { configHash: string } | { retiredAt: Date }): Promise<void>;

  readNote(id: DeploymentId, name: NoteName): Promise<Versioned<Note> | null>;
  /** `version` null = must not exist yet; absent = replace whatever is there. */
  writeNote(id: DeploymentId, name: NoteName, note: Note, version?: string | null): Promise<void>;

  transitions(id: DeploymentId): Promise<readonly Transition[]>;
  /** The newest chunks of one stream, oldest first. */
  lastLogs(
    id: DeploymentId,
    stream: LogChunk["stream"],
    limit: number,
  ): Promise<readonly LogChunk[]>;
  /** Creates the chunk; true when it was there already. */
  appendLog(id: DeploymentId, chunk: LogChunk): Promise<boolean>;

  /** Newest first; `before` is a deployment number for paging. */
  listByProject(
    projectId: ProjectId,
    options: { limit: number; before?: number; commit?: string },
  ): Promise<readonly Deployment[]>;
  listInStates(states: readonly State[], limit: number): Promise<readonly Deployment[]>;
  replicas(id: DeploymentId): Promise<readonly Note[]>;
}
