/** What the law refuses whatever it finds: other moves, others' moves, forged ones, and deeds nobody may do. */
import { creation, FORGED_CREATIONS } from "../forged-creations.ts";
import { FORGED_CHANGES } from "../forged-changes.ts";
import { FORGED_HISTORY } from "../forged-history.ts";
import { nameOf, recordPath } from "../move-writes.ts";
import { CREATORS, LAW, lawfulMove, SERVICES, STATES } from "../the-law.ts";
import { merge, remove, set, type WireWrite } from "../writes.ts";
import { moveOf } from "./lawful-operations.ts";
import type { Operation } from "./operation.ts";
import type { SharedWorld } from "./writers-world.ts";

const FORGERIES = [...FORGED_CHANGES, ...FORGED_HISTORY];
const PEOPLE = ["person:mia", "person:eve", null];

function forged(kind: string, by: string | null, writes: readonly WireWrite[]): Operation {
  return { kind, by, writes, isForged: true, promises: [] };
}

/** Any state by any service, of which the law knows nothing. */
export function illegalMove(shared: SharedWorld): Operation | null {
  const seen = shared.look(`deployments/${shared.pick(shared.deployments)}`);
  if (seen === null) return null;
  const by = shared.pick(SERVICES);
  const to = shared.pick(STATES);
  if (lawfulMove(String(seen.fields["state"]), to)?.by === by) return null;
  const { change, record, pointer } = moveOf(shared, seen, to, by);
  return forged("illegal move", by, [change, record, ...pointer]);
}

/** A move by its owner with one thing wrong. */
export function forgedMove(shared: SharedWorld): Operation | null {
  const seen = shared.look(`deployments/${shared.pick(shared.deployments)}`);
  const near = shared.look(`deployments/${shared.pick(shared.deployments)}`);
  if (seen === null || near === null) return null;
  if (seen.fields["projectId"] === near.fields["projectId"]) return null;
  const next = LAW.filter(({ from }) => from === seen.fields["state"]);
  const { to, by } = shared.pick(next);
  const neighbour = {
    id: near.id,
    projectId: String(near.fields["projectId"]),
    seq: Number(near.fields["seq"]),
  };
  const writes = shared.pick(FORGERIES).forge({ ...moveOf(shared, seen, to, by), neighbour });
  return writes === null ? null : forged("forged move", by, writes);
}

export function forgedCreation(shared: SharedWorld): Operation | null {
  const project = shared.look(`projects/${shared.pick(shared.projects)}`);
  if (project === null) return null;
  const by = shared.pick(CREATORS);
  const number = Number(project.fields["nextNumber"]);
  const id = shared.newName("f");
  const parts = creation({ id, projectId: project.id, by, state: "queued", number });
  return forged("forged creation", by, shared.pick(FORGED_CREATIONS).forge(parts));
}

/** Deletes, edits of history, pointers and counters without what belongs to them; also by people. */
export function deed(shared: SharedWorld): Operation | null {
  const seen = shared.look(`deployments/${shared.pick(shared.deployments)}`);
  if (seen === null) return null;
  const { id, fields } = seen;
  const at = `deployments/${id}`;
  const project = `projects/${String(fields["projectId"])}`;
  const [number, seq] = [Number(fields["number"]), Number(fields["seq"])];
  const writes = shared.pick<WireWrite>([
    remove(at),
    remove(recordPath(id, seq)),
    remove(`${at}/snapshot/config`),
    remove(`${at}/logs/l1`),
    merge(recordPath(id, seq), { why: "x" }),
    set(`${at}/transitions/${nameOf(seq + 1)}`, { seq: seq + 1 }, { now: ["at"] }),
    merge(at, { seq: 0 }),
    merge(at, { teamId: "blue" }),
    merge(project, { nextNumber: number + 1 }),
    merge(project, { nextNumber: number + 1, newestDeploymentId: id }),
    merge(project, { liveDeploymentId: id, liveNumber: number }),
    merge(project, { liveNumber: 0 }),
    merge("members/red_eve", { teamId: "red", uid: "mia" }),
  ]);
  return forged("deed", shared.pick([...SERVICES, ...PEOPLE]), [writes]);
}
