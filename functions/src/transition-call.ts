/** The call every workflow step makes: ids and an attempt, never data. */
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Deployment } from "@bifrost/shared/domain/deployment";
import { deploymentIdSchema } from "@bifrost/shared/domain/ids";
import { decideMove, type MoveRequest } from "@bifrost/shared/domain/transition";
import type {
  DeploymentStore,
  LivePointer,
  Note,
  NoteName,
  Versioned,
} from "@bifrost/shared/ports/deployment-store";
import * as v from "valibot";
import { requireCaller, type CallerCheck } from "./caller.ts";
import { readJson } from "./read-body.ts";
import { json, type Service } from "./service.ts";

export const transitionCallSchema = v.object({
  deploymentId: deploymentIdSchema,
  attempt: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** The workflow execution that drives this attempt. */
  execution: v.optional(v.pipe(v.string(), v.maxLength(200))),
  /** Where the workflow waits for the build. */
  callback: v.optional(v.pipe(v.string(), v.url(), v.maxLength(1000))),
  reason: v.optional(v.pipe(v.string(), v.maxLength(60))),
});
export type TransitionCall = v.InferOutput<typeof transitionCallSchema>;

export type TransitionHandler = (
  call: TransitionCall,
) => Promise<Readonly<Record<string, unknown>>>;

/** Parses, authenticates and answers; the handler tells the story. */
export function transitionService(handler: TransitionHandler, callers: CallerCheck): Service {
  return async (request) => {
    await requireCaller(request, callers);
    const call = await readJson(request, transitionCallSchema);
    return json(await handler(call));
  };
}

export async function loadDeployment(
  store: DeploymentStore,
  id: Deployment["id"],
): Promise<Versioned<Deployment>> {
  const found = await store.read(id);
  if (found === null) {
    throw new BifrostError("not-found", `there is no deployment ${id}`, { deploymentId: id });
  }
  return found;
}

/** Two writers may meet on one document; the loser reads again and decides again, at most this often. */
const CONFLICT_RETRIES = 5;

export async function retryConflicts<T>(
  task: () => Promise<T>,
  most = CONFLICT_RETRIES,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await task();
    } catch (error) {
      const conflict = error instanceof BifrostError && error.code === "write-conflict";
      if (!conflict || tries >= most) throw error;
    }
  }
}

export interface MoveOutcome {
  readonly deployment: Deployment;
  /** False when an earlier call had made the move. */
  readonly moved: boolean;
}

/** Decides and stores one move; `request` may depend on what was read. */
export function makeMove(
  store: DeploymentStore,
  id: Deployment["id"],
  request: MoveRequest | ((current: Deployment) => MoveRequest),
  live?: () => Promise<LivePointer | undefined>,
): Promise<MoveOutcome> {
  return retryConflicts(async () => {
    const current = await loadDeployment(store, id);
    const asked = typeof request === "function" ? request(current.value) : request;
    const decision = decideMove(current.value, asked);
    if (decision.kind === "repeat") return { deployment: current.value, moved: false };
    const pointer = await live?.();
    return { deployment: await store.move(current, decision, pointer), moved: true };
  });
}

/** Reads a note, changes it and writes it back unless someone else did first; `change` may answer null to leave it. */
export function updateNote(
  store: DeploymentStore,
  id: Deployment["id"],
  name: NoteName,
  change: (note: Note) => Note | null,
): Promise<Note | null> {
  return retryConflicts(async () => {
    const current = await store.readNote(id, name);
    const next = change(current?.value ?? {});
    if (next === null) return current?.value ?? null;
    await store.writeNote(id, name, next, current?.version ?? null).catch((error: unknown) => {
      const raced = error instanceof BifrostError && error.code === "already-exists";
      throw raced
        ? new BifrostError("write-conflict", "the note was created by another call")
        : error;
    });
    return next;
  });
}
