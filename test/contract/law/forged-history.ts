/** Forgeries of the history, of the project's live pointer, and commits that hold more or less than one move. */
import { anyhow, elsewhere, lacking, other } from "./forge.ts";
import { along, type Forgery, instead, type ForgeableMove, recorded } from "./forgery.ts";
import { nameOf, recordFields, recordPath } from "./move-writes.ts";
import { merge, remove, set, type SetWrite } from "./writes.ts";

const RECORD_FIELDS = ["from", "to", "by", "at", "seq", "attempt", "why", "evidence"];

const OTHER_NAMES: readonly (readonly [what: string, name: (seq: number) => string])[] = [
  ["the name before", (seq) => nameOf(seq - 1)],
  ["the name after", (seq) => nameOf(seq + 1)],
  ["a short name", String],
  ["a long name", (seq) => `0${nameOf(seq)}`],
  ["words", () => "latest"],
];

const RECORDS: readonly Forgery[] = [
  recorded("another from", (record) => other(record, { from: "live" })),
  recorded("the to as its from", (record, { to }) => other(record, { from: to })),
  recorded("no from, as at a creation", (record) => other(record, { from: null })),
  recorded("another to", (record) => other(record, { to: "live" })),
  recorded("the from as its to", (record, { from }) => other(record, { to: from })),
  recorded("another's name", (record) => other(record, { by: "workflows" })),
  recorded("its name in capitals", (record, { by }) => other(record, { by: by.toUpperCase() })),
  recorded("its name in a list", (record, { by }) => other(record, { by: [by] })),
  recorded("the seq before", (record, { seq }) => other(record, { seq: seq - 1 })),
  recorded("the seq in words", (record, { seq }) => other(record, { seq: String(seq) })),
  recorded("the attempt before", (record, { attempt }) => other(record, { attempt: attempt - 1 })),
  recorded("the attempt after", (record, { attempt }) => other(record, { attempt: attempt + 1 })),
  recorded("a field that nobody knows", (record) => other(record, { note: "x" })),
  recorded("a reason that is no text", (record) => other(record, { why: 1 })),
  recorded("evidence that is no map", (record) => other(record, { evidence: "x" })),
  ...RECORD_FIELDS.map((name) => recorded(`no ${name}`, (record) => lacking(record, name))),
  ...OTHER_NAMES.map(([what, name]) =>
    recorded(`told under ${what}`, (record, { seq }) =>
      elsewhere(anyhow(record), nameOf(seq), name(seq)),
    ),
  ),
  recorded("told of another deployment", (record, { id, neighbour }) =>
    elsewhere(anyhow(record), `/${id}/`, `/${neighbour.id}/`),
  ),
  instead("not told", ({ change, pointer }) => [change, ...pointer]),
  instead("only told", ({ record }) => [record]),
];

/** A second move of the same deployment, told as the first one is. */
function secondMove(move: ForgeableMove): readonly SetWrite[] {
  const { id, to, by, attempt } = move;
  const next = to === "failed" ? "queued" : "failed";
  const seq = move.seq + 1;
  return [
    merge(`deployments/${id}`, { state: next, seq, attempt }, { now: ["stateSince"] }),
    set(recordPath(id, seq), recordFields({ from: to, to: next, by, seq, attempt }), {
      now: ["at"],
    }),
  ];
}

const MORE: readonly Forgery[] = [
  along("made again under the next seq", ({ change, seq }) => [other(change, { seq: seq + 1 })]),
  along("a second move", secondMove),
  along("a second record", ({ record, seq }) => [
    other(elsewhere(record, nameOf(seq), nameOf(seq + 1)), { seq: seq + 1 }),
  ]),
  along("its record written again", ({ record }) => [other(anyhow(record), { why: "again" })]),
  along("its record deleted", ({ id, seq }) => [remove(recordPath(id, seq))]),
  along("the last record edited", ({ id, seq }) => [merge(recordPath(id, seq - 1), { why: "x" })]),
  along("the last record replaced", ({ record, seq }) => [
    elsewhere(anyhow(record), nameOf(seq), nameOf(seq - 1)),
  ]),
  along("the last record deleted", ({ id, seq }) => [remove(recordPath(id, seq - 1))]),
  along("an edit of another's history", ({ neighbour }) => [
    merge(recordPath(neighbour.id, neighbour.seq), { why: "x" }),
  ]),
  along("the deployment deleted", ({ id }) => [remove(`deployments/${id}`)]),
  along("another moved without its record", ({ change, id, neighbour }) => [
    elsewhere(change, id, neighbour.id),
  ]),
  along("another deleted", ({ neighbour }) => [remove(`deployments/${neighbour.id}`)]),
  along("a snapshot", ({ id, attempt }) => [
    merge(`deployments/${id}/snapshot/config`, { attempt, config: "evil" }),
  ]),
  along("a number taken", ({ id, projectId, number }) => [
    merge(`projects/${projectId}`, { newestDeploymentId: id, nextNumber: number + 2 }),
  ]),
  along("another name of the project", ({ projectId }) => [
    merge(`projects/${projectId}`, { name: "Evil" }, { now: ["updatedAt"] }),
  ]),
  along("the project deleted", ({ projectId }) => [remove(`projects/${projectId}`)]),
];

const isRelease = ({ to }: ForgeableMove) => to === "healthy";

/** The pointer of a release with other fields. */
function pointing(what: string, fields: (move: ForgeableMove) => object): Forgery {
  return instead(`${what} goes live`, (move) => {
    const { id, projectId, number, former, change, record } = move;
    const right = { liveDeploymentId: id, formerDeploymentId: former, liveNumber: number };
    const pointer = merge(`projects/${projectId}`, { ...right, ...fields(move) });
    return isRelease(move) ? [change, record, pointer] : null;
  });
}

const POINTERS: readonly Forgery[] = [
  instead("live without the move", (move) => (isRelease(move) ? move.pointer : null)),
  pointing("a higher number", ({ number }) => ({ liveNumber: number + 1 })),
  pointing("a lower number", ({ number }) => ({ liveNumber: number - 1 })),
  pointing("no number", () => ({ liveNumber: null })),
  pointing("another deployment", ({ neighbour }) => ({ liveDeploymentId: neighbour.id })),
  pointing("a deployment that is not there", () => ({ liveDeploymentId: "d-none" })),
  pointing("nothing", () => ({ liveDeploymentId: null })),
  pointing("a release with a stranger before it", () => ({ formerDeploymentId: "d-none" })),
  pointing("a release with itself before it", ({ id }) => ({ formerDeploymentId: id })),
  pointing("a release with a number before it", () => ({ formerDeploymentId: 6 })),
  instead("a release as if it were the first goes live", (move) => {
    const { id, projectId, number, former, change, record } = move;
    if (!isRelease(move) || former === null) return null;
    const pointer = { liveDeploymentId: id, formerDeploymentId: null, liveNumber: number };
    return [change, record, merge(`projects/${projectId}`, pointer)];
  }),
  pointing("more than the pointer", () => ({ name: "Evil" })),
  along("another project goes live", ({ id, number, neighbour }) => [
    merge(`projects/${neighbour.projectId}`, { liveDeploymentId: id, liveNumber: number }),
  ]),
  along("what is not healthy goes live", (move) =>
    isRelease(move)
      ? null
      : [
          merge(`projects/${move.projectId}`, {
            liveDeploymentId: move.id,
            liveNumber: move.number,
          }),
        ],
  ),
];

export const FORGED_HISTORY: readonly Forgery[] = [...RECORDS, ...MORE, ...POINTERS];
