/** The one write path of the lifecycle: a move, its transition and what belongs to it in one commit. */
import * as v from "valibot";
import {
  deploymentSchema,
  transitionId,
  transitionSchema,
  type Deployment,
  type Transition,
} from "../domain/deployment.ts";
import { BifrostError } from "../domain/errors.ts";
import { deploymentIdSchema, type DeploymentId, type ProjectId } from "../domain/ids.ts";
import type { Creator, State } from "../domain/lifecycle.ts";
import type { Project } from "../domain/project.ts";
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
import {
  whereEqual,
  type FirestoreRest,
  type RestDocument,
  type RestWrite,
} from "./firestore-rest.ts";
import { encodeValue } from "./firestore-values.ts";

export class FirestoreDeploymentStore implements DeploymentStore {
  readonly #store: FirestoreRest;

  constructor(store: FirestoreRest) {
    this.#store = store;
  }

  async read(id: DeploymentId): Promise<Versioned<Deployment> | null> {
    const document = await this.#store.get(`deployments/${id}`);
    return document === null
      ? null
      : { value: toDeployment(document), version: document.updateTime };
  }

  async create(
    id: DeploymentId,
    fields: NewDeployment,
    project: Versioned<Project>,
    by: Creator,
  ): Promise<Deployment> {
    const number = project.value.nextNumber;
    const first = {
      ...fields,
      projectId: project.value.id,
      teamId: project.value.teamId,
      number,
      state: "queued",
      seq: 1,
      attempt: 1,
      configHash: null,
      imageDigest: null,
      manifestsHash: null,
      url: null,
      failure: null,
      retiredAt: null,
    } as const;
    const transition = {
      from: null,
      to: "queued",
      by,
      attempt: 1,
      seq: 1,
      why: null,
      evidence: null,
    };
    const { commitTime } = await this.#store.commit([
      {
        set: `deployments/${id}`,
        fields: first,
        serverTimes: ["stateSince", "createdAt"],
        must: { exists: false },
      },
      transitionWrite(id, 1, transition),
      {
        set: `projects/${project.value.id}`,
        fields: { newestDeploymentId: id, nextNumber: number + 1 },
        merge: true,
        must: { updateTime: project.version },
      },
    ]);
    return { ...first, id, stateSince: commitTime, createdAt: commitTime };
  }

  async move(
    current: Versioned<Deployment>,
    decision: MoveDecision,
    live?: LivePointer,
  ): Promise<Deployment> {
    const { id, number } = current.value;
    const changes = {
      state: decision.move.to,
      seq: decision.seq,
      attempt: decision.attempt,
      ...decision.fields,
    };
    const writes: RestWrite[] = [
      {
        set: `deployments/${id}`,
        fields: changes,
        serverTimes: ["stateSince"],
        merge: true,
        must: { updateTime: current.version },
      },
      transitionWrite(id, decision.seq, decision.transition),
    ];
    if (live !== undefined) {
      const { id: projectId, liveDeploymentId: formerDeploymentId } = live.project.value;
      writes.push({
        set: `projects/${projectId}`,
        fields: { liveDeploymentId: id, formerDeploymentId, liveNumber: number },
        merge: true,
        must: { updateTime: live.project.version },
      });
    }
    const { commitTime } = await this.#store.commit(writes);
    return { ...current.value, ...changes, stateSince: commitTime };
  }

  async annotate(
    id: DeploymentId,
    fields: { configHash: string } | { retiredAt: Date },
  ): Promise<void> {
    await this.#store.commit([
      { set: `deployments/${id}`, fields, merge: true, must: { exists: true } },
    ]);
  }

  async readNote(id: DeploymentId, name: NoteName): Promise<Versioned<Note> | null> {
    const document = await this.#store.get(`deployments/${id}/${name}`);
    return document === null ? null : { value: document.fields, version: document.updateTime };
  }

  async writeNote(
    id: DeploymentId,
    name: NoteName,
    note: Note,
    version?: string | null,
  ): Promise<void> {
    const must =
      version === undefined
        ? {}
        : { must: version === null ? { exists: false } : { updateTime: version } };
    await this.#store.commit([{ set: `deployments/${id}/${name}`, fields: note, ...must }]);
  }

  async transitions(id: DeploymentId): Promise<readonly Transition[]> {
    const found = await this.#store.query(`deployments/${id}`, {
      from: [{ collectionId: "transitions" }],
      limit: 500,
    });
    return found.map((document) => v.parse(transitionSchema, document.fields));
  }

  async lastLogs(
    id: DeploymentId,
    stream: LogChunk["stream"],
    limit: number,
  ): Promise<readonly LogChunk[]> {
    const found = await this.#store.query(`deployments/${id}`, {
      from: [{ collectionId: "logs" }],
      where: whereEqual({ stream }, encodeValue),
      orderBy: [{ field: { fieldPath: "__name__" }, direction: "DESCENDING" }],
      limit,
    });
    return found.map(toLogChunk).toReversed();
  }

  async appendLog(id: DeploymentId, chunk: LogChunk): Promise<boolean> {
    const { id: chunkId, ...fields } = chunk;
    try {
      await this.#store.commit([
        { set: `deployments/${id}/logs/${chunkId}`, fields, must: { exists: false } },
      ]);
      return false;
    } catch (error) {
      if (error instanceof BifrostError && error.code === "already-exists") return true;
      throw error;
    }
  }

  async listByProject(
    projectId: ProjectId,
    options: { limit: number; before?: number; commit?: string },
  ): Promise<readonly Deployment[]> {
    const filters = {
      projectId,
      ...(options.commit === undefined ? {} : { "commit.sha": options.commit }),
    };
    const found = await this.#store.query("", {
      from: [{ collectionId: "deployments" }],
      where: whereEqual(filters, encodeValue),
      orderBy: [{ field: { fieldPath: "number" }, direction: "DESCENDING" }],
      ...(options.before === undefined
        ? {}
        : { startAt: { values: [encodeValue(options.before)], before: false } }),
      limit: options.limit,
    });
    return found.map(toDeployment);
  }

  async listInStates(states: readonly State[], limit: number): Promise<readonly Deployment[]> {
    const found = await this.#store.query("", {
      from: [{ collectionId: "deployments" }],
      where: {
        fieldFilter: { field: { fieldPath: "state" }, op: "IN", value: encodeValue([...states]) },
      },
      orderBy: [{ field: { fieldPath: "stateSince" }, direction: "ASCENDING" }],
      limit,
    });
    return found.map(toDeployment);
  }

  async replicas(id: DeploymentId): Promise<readonly Note[]> {
    const found = await this.#store.query(`deployments/${id}`, {
      from: [{ collectionId: "replicas" }],
      limit: 200,
    });
    return found.map((document) => document.fields);
  }
}

function transitionWrite(id: DeploymentId, seq: number, fields: object): RestWrite {
  return {
    set: `deployments/${id}/transitions/${transitionId(seq)}`,
    fields,
    serverTimes: ["at"],
    must: { exists: false },
  };
}

/** A stored document that does not fit its schema is damage, not input: it stops the call with the path. */
function toDeployment(document: RestDocument): Deployment {
  const parsed = v.safeParse(deploymentSchema, document.fields);
  const id = v.safeParse(deploymentIdSchema, document.path.split("/").at(-1));
  if (!parsed.success || !id.success) {
    const issue = parsed.issues?.[0]?.message ?? "its name is no deployment id";
    throw new BifrostError("data-corrupt", `${document.path} is not a deployment: ${issue}`, {
      path: document.path,
    });
  }
  return { ...parsed.output, id: id.output };
}

function toLogChunk(document: RestDocument): LogChunk {
  const fields = v.parse(logFieldsSchema, document.fields);
  return { id: document.path.split("/").at(-1) ?? "", ...fields };
}

const logFieldsSchema = v.object({
  stream: v.picklist(["build", "deploy", "runtime"]),
  step: v.string(),
  lines: v.array(v.string()),
  at: v.date(),
});
