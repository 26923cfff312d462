/** What the services of the platform do all day: allowed if nobody else was faster. */
import { creation } from "../forged-creations.ts";
import { anyhow } from "../forge.ts";
import { moveWrites, type MoveWrites } from "../move-writes.ts";
import { CREATORS, LAW, type StateName } from "../the-law.ts";
import { merge, remove, set, type SetWrite } from "../writes.ts";
import { type Operation, promisedBy } from "./operation.ts";
import type { Seen, SharedWorld } from "./writers-world.ts";

/** A move from the state that was seen, to `to` by `by`. */
export function moveOf(shared: SharedWorld, seen: Seen, to: StateName, by: string): MoveWrites {
  const { state, seq, attempt, projectId, number } = seen.fields;
  const isRetry = state === "failed" && to === "queued";
  const served = shared.look(`projects/${String(projectId)}`)?.fields["liveDeploymentId"];
  return moveWrites({
    id: seen.id,
    projectId: String(projectId),
    number: Number(number),
    from: String(state),
    to,
    by,
    seq: Number(seq) + 1,
    attempt: Number(attempt) + (isRetry ? 1 : 0),
    former: typeof served === "string" ? served : null,
  });
}

/** As the product writes it: on the version that was read, and its record only if there is none. */
function guarded(write: SetWrite, { updateTime }: Seen): SetWrite {
  return { ...write, currentDocument: { updateTime } };
}

/** The next move of some deployment, mostly onwards, sometimes to `failed`. */
export function move(shared: SharedWorld): Operation | null {
  const seen = shared.look(`deployments/${shared.pick(shared.deployments)}`);
  if (seen === null) return null;
  const next = LAW.filter(({ from }) => from === seen.fields["state"]);
  const onwards = next.filter(({ to }) => to !== "failed");
  const { to, by } = shared.pick(onwards.length > 0 && shared.chance(0.8) ? onwards : next);
  const made = moveOf(shared, seen, to, by);
  const isGuarded = shared.chance(0.6);
  const change = isGuarded ? guarded(made.change, seen) : made.change;
  const record = shared.chance(0.8) ? made.record : anyhow(made.record);
  return {
    kind: "move",
    by,
    writes: [change, record, ...pointerOf(shared, made)],
    isForged: false,
    promises: [promisedBy(made)],
  };
}

/** The pointer goes along unless a newer release is live, or was when this writer looked. */
function pointerOf(shared: SharedWorld, { to, number, projectId, pointer }: MoveWrites) {
  if (to !== "healthy") return [];
  const project = shared.look(`projects/${projectId}`);
  return Number(project?.fields["liveNumber"]) < number ? pointer : [];
}

export function create(shared: SharedWorld): Operation | null {
  if (shared.deployments.length >= shared.room) return null;
  const project = shared.look(`projects/${shared.pick(shared.projects)}`);
  if (project === null) return null;
  const id = shared.newName("d");
  const number = Number(project.fields["nextNumber"]);
  // What the project took its last number for can be put back; before that there is nothing.
  const origin = project.fields["newestDeploymentId"];
  const isFirst = typeof origin !== "string";
  const by = shared.pick(CREATORS.filter((name) => !isFirst || name !== "restore"));
  const request = { id, projectId: project.id, by, state: "queued", number } as const;
  const parts = creation(isFirst ? request : { ...request, origin });
  const counter = shared.chance(0.5) ? guarded(parts.counter, project) : parts.counter;
  return {
    kind: "create",
    by,
    writes: [parts.deployment, parts.record, counter],
    isForged: false,
    promises: [{ id, from: null, to: "queued", by, seq: 1, attempt: 1 }],
  };
}

/** Writes beside the moves, each by the service whose they are. */
export function note(shared: SharedWorld): Operation | null {
  const id = shared.pick(shared.deployments);
  const at = `deployments/${id}`;
  const seen = shared.look(at);
  if (seen === null) return null;
  const { attempt, state } = seen.fields;
  // Without a snapshot nothing is ever built.
  const isWaiting = state === "validating";
  const chunk = { stream: "build", step: "install", lines: ["ok"], at: new Date(0) };
  const [kind, by, write] = shared.pick([
    ["snapshot", "validate", set(`${at}/snapshot/config`, { attempt, config: "{}" })],
    ...(isWaiting
      ? []
      : ([
          ["config hash", "validate", merge(at, { configHash: shared.newName("h") })],
          ["retirement", "reap", merge(at, { retiredAt: new Date(shared.random() * 1e12) })],
          ["internal note", "build", set(`${at}/internal/build`, { attempt })],
          ["log chunk", "append-logs", set(`${at}/logs/${shared.newName("l")}`, chunk)],
          ["replica", "collector", set(`${at}/replicas/a`, replica(shared))],
          ["replica gone", "collector", remove(`${at}/replicas/a`)],
          ["rename", "api", renaming(shared, String(seen.fields["projectId"]))],
        ] as const)),
  ] as const);
  return { kind, by, writes: [write], isForged: false, promises: [] };
}

/** Of a life of its own, so that no writer is late. */
function replica(shared: SharedWorld) {
  const at = new Date(0);
  const boot = Math.floor(shared.random() * 1e12);
  const verdict = { healthy: shared.chance(0.5), proven: true, verdictMs: 0, consecutivePasses: 2 };
  const last = { lastResult: "ok", lastStatus: 200, lastBody: null, connectMs: 1, latencyMs: 1 };
  const usage = { cpuMillicores: null, memoryBytes: null, descriptors: null, threads: null };
  const times = { at, receivedAt: at, expireAt: new Date(15_000) };
  return { pod: "a", boot, seq: 1, restarts: 0, ...verdict, ...last, ...usage, ...times };
}

function renaming(shared: SharedWorld, projectId: string): SetWrite {
  return merge(`projects/${projectId}`, { name: shared.newName("n") }, { now: ["updatedAt"] });
}
