/** Forgeries of the history, of the project's live pointer, and commits that hold more or less than one move. */
import { anyhow, elsewhere, lacking, other } from "./forge.ts";
import { along, type Forgery, instead, type PlacedMove, recorded } from "./forgery.ts";
import { ATTEMPT, nameOf, NUMBER, projectOf, recordFields, SEQ } from "./places.ts";
import { merge, remove, set, type SetWrite } from "./writes.ts";

const RECORD_FIELDS = ["from", "to", "by", "at", "seq", "attempt", "why", "evidence"];

function transition(id: string, seq: number): string {
  return `deployments/${id}/transitions/${nameOf(seq)}`;
}

const RECORDS: readonly Forgery[] = [
  recorded("another from", (record) => other(record, { from: "live" })),
  recorded("the to as its from", (record, { to }) => other(record, { from: to })),
  recorded("no from, as at a creation", (record) => other(record, { from: null })),
  recorded("another to", (record) => other(record, { to: "live" })),
  recorded("the from as its to", (record, { from }) => other(record, { to: from })),
  recorded("another's name", (record) => other(record, { by: "workflows" })),
  recorded("its name in capitals", (record, { by }) => other(record, { by: by.toUpperCase() })),
  recorded("its name in a list", (record, { by }) => other(record, { by: [by] })),
  recorded("the seq before", (record) => other(record, { seq: SEQ })),
  recorded("the seq in words", (record) => other(record, { seq: String(SEQ + 1) })),
  recorded("the attempt before", (record, { to }) =>
    other(record, { attempt: to === "queued" ? ATTEMPT : ATTEMPT - 1 }),
  ),
  recorded("the attempt after", (record, { to }) =>
    other(record, { attempt: to === "queued" ? ATTEMPT + 2 : ATTEMPT + 1 }),
  ),
  recorded("a field that nobody knows", (record) => other(record, { note: "x" })),
  recorded("a reason that is no text", (record) => other(record, { why: 1 })),
  recorded("evidence that is no map", (record) => other(record, { evidence: "x" })),
  ...RECORD_FIELDS.map((name) => recorded(`no ${name}`, (record) => lacking(record, name))),
  ...[nameOf(SEQ), nameOf(SEQ + 2), String(SEQ + 1), "0000005", "latest"].map((name) =>
    recorded(`told under ${name}`, (record) => elsewhere(anyhow(record), nameOf(SEQ + 1), name)),
  ),
  recorded("told of another deployment", (record, { id, neighbour }) =>
    elsewhere(record, `/${id}/`, `/${neighbour}/`),
  ),
  instead("not told", ({ change, pointer }) => [change, ...pointer]),
  instead("only told", ({ record }) => [record]),
];

/** A second move of the same deployment, told as the first one is. */
function secondMove({ id, to, by }: PlacedMove): readonly SetWrite[] {
  const next = to === "failed" ? "queued" : "failed";
  const attempt = to === "queued" ? ATTEMPT + 1 : ATTEMPT;
  const seq = SEQ + 2;
  return [
    merge(`deployments/${id}`, { state: next, seq, attempt }, { now: ["stateSince"] }),
    set(transition(id, seq), recordFields({ from: to, to: next, by, seq, attempt }), {
      now: ["at"],
    }),
  ];
}

const MORE: readonly Forgery[] = [
  along("made twice", ({ change }) => [change]),
  along("a second move", secondMove),
  along("a second record", ({ record }) => [
    other(elsewhere(record, nameOf(SEQ + 1), nameOf(SEQ + 2)), { seq: SEQ + 2 }),
  ]),
  along("its record written again", ({ record }) => [other(anyhow(record), { why: "again" })]),
  along("its record deleted", ({ id }) => [remove(transition(id, SEQ + 1))]),
  along("the last record edited", ({ id }) => [merge(transition(id, SEQ), { why: "x" })]),
  along("the last record replaced", ({ id, record }) => [
    elsewhere(anyhow(record), transition(id, SEQ + 1), transition(id, SEQ)),
  ]),
  along("the last record deleted", ({ id }) => [remove(transition(id, SEQ))]),
  along("an edit of another's history", ({ neighbour }) => [
    merge(transition(neighbour, SEQ), { why: "x" }),
  ]),
  along("the deployment deleted", ({ id }) => [remove(`deployments/${id}`)]),
  along("another moved without its record", ({ change, id, neighbour }) => [
    elsewhere(change, id, neighbour),
  ]),
  along("another deleted", ({ neighbour }) => [remove(`deployments/${neighbour}`)]),
  along("a snapshot", ({ id }) => [
    merge(`deployments/${id}/snapshot/config`, { attempt: ATTEMPT, config: "evil" }),
  ]),
  along("a number taken", ({ id }) => [
    merge(`projects/${projectOf(id)}`, { newestDeploymentId: id, nextNumber: NUMBER + 2 }),
  ]),
  along("another name of the project", ({ id }) => [
    merge(`projects/${projectOf(id)}`, { name: "Evil" }, { now: ["updatedAt"] }),
  ]),
  along("the project deleted", ({ id }) => [remove(`projects/${projectOf(id)}`)]),
];

const isRelease = ({ to }: PlacedMove) => to === "healthy";

/** The live pointer of a healthy move with other fields. */
function pointing(what: string, fields: (move: PlacedMove) => object): Forgery {
  return instead(`${what} goes live`, (move) => {
    const { id, change, record } = move;
    const right = { liveDeploymentId: id, liveNumber: NUMBER };
    const pointer = merge(`projects/${projectOf(id)}`, { ...right, ...fields(move) });
    return isRelease(move) ? [change, record, pointer] : null;
  });
}

const POINTERS: readonly Forgery[] = [
  instead("healthy and not live", (move) => (isRelease(move) ? [move.change, move.record] : null)),
  instead("live without the move", (move) => (isRelease(move) ? move.pointer : null)),
  pointing("a higher number", () => ({ liveNumber: NUMBER + 1 })),
  pointing("a lower number", () => ({ liveNumber: NUMBER - 1 })),
  pointing("no number", () => ({ liveNumber: null })),
  pointing("another deployment", ({ neighbour }) => ({ liveDeploymentId: neighbour })),
  pointing("a deployment that is not there", () => ({ liveDeploymentId: "d-none" })),
  pointing("nothing", () => ({ liveDeploymentId: null })),
  pointing("more than the pointer", () => ({ name: "Evil" })),
  along("another project goes live", (move) => [
    merge(`projects/${projectOf(move.neighbour)}`, {
      liveDeploymentId: move.id,
      liveNumber: NUMBER,
    }),
  ]),
  along("a move that makes nothing healthy goes live", (move) =>
    isRelease(move)
      ? null
      : [
          merge(`projects/${projectOf(move.id)}`, {
            liveDeploymentId: move.id,
            liveNumber: NUMBER,
          }),
        ],
  ),
];

export const FORGED_HISTORY: readonly Forgery[] = [...RECORDS, ...MORE, ...POINTERS];
