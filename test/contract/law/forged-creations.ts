/** The writes that create a deployment, and what can be wrong with them although a creator sends them. */
import { anyhow, elsewhere, lacking, other, wired } from "./forge.ts";
import { DIGEST, FAILURE, nameOf, recordFields, recordPath } from "./move-writes.ts";
import { deploymentFields, LONG_AGO } from "./places.ts";
import type { StateName } from "./the-law.ts";
import { merge, set, type SetWrite, type WireWrite } from "./writes.ts";

interface CreationRequest {
  readonly id: string;
  readonly projectId: string;
  readonly by: string;
  readonly state: StateName;
  readonly number: number;
  /** The release that is put back, where that is what the creator does. */
  readonly origin?: string;
}

export interface Creation extends CreationRequest {
  readonly deployment: SetWrite;
  readonly record: SetWrite;
  /** Takes the number from the project. */
  readonly counter: SetWrite;
}

/** The creator that only puts releases back, which nobody else does. */
const RESTORE = "restore";

function restored(origin: string): object {
  return { trigger: "restore", source: { kind: "rollback", rollbackOf: origin } };
}

/** As the product writes it; `number` must be the next one of the project. */
export function creation(request: CreationRequest): Creation {
  const { id, projectId, by, state, number, origin = `d-of-${projectId}` } = request;
  const fields = { projectId, number, state, ...(by === RESTORE ? restored(origin) : {}) };
  const record = recordFields({ to: state, by });
  const taken = { newestDeploymentId: id, nextNumber: number + 1 };
  return {
    ...request,
    deployment: set(`deployments/${id}`, deploymentFields(id, fields), {
      now: ["stateSince", "createdAt"],
      must: { exists: false },
    }),
    record: set(recordPath(id, 1), record, {
      now: ["at"],
      must: { exists: false },
    }),
    counter: merge(`projects/${projectId}`, taken),
  };
}

function wholeOf({ deployment, record, counter }: Creation): readonly SetWrite[] {
  return [deployment, record, counter];
}

interface ForgedCreation {
  readonly what: string;
  readonly forge: (parts: Creation) => readonly WireWrite[];
}

function forged(what: string, forge: ForgedCreation["forge"]): ForgedCreation {
  return { what, forge };
}

function begun(what: string, forge: (write: SetWrite, parts: Creation) => SetWrite) {
  return forged(what, (parts) => [forge(parts.deployment, parts), parts.record, parts.counter]);
}

function told(what: string, forge: (write: SetWrite, parts: Creation) => SetWrite) {
  return forged(what, (parts) => [parts.deployment, forge(parts.record, parts), parts.counter]);
}

function counted(what: string, fields: (parts: Creation) => object) {
  return forged(what, (parts) => [
    parts.deployment,
    parts.record,
    other(parts.counter, fields(parts)),
  ]);
}

/** Values that no new deployment has. */
const WRONG_VALUES: readonly object[] = [
  { teamId: "blue" },
  { projectId: "p-blue" },
  { projectId: "p-none" },
  { projectId: "p-blue", teamId: "blue" },
  { seq: 2 },
  { seq: 0 },
  { attempt: 2 },
  { attempt: 0 },
  { configHash: "h" },
  { imageDigest: DIGEST },
  { manifestsHash: "h" },
  { url: "http://evil.example" },
  { failure: FAILURE },
  { retiredAt: LONG_AGO },
  { branch: 1 },
  { trigger: "magic" },
  { createdBy: null },
  { commit: { sha: "main", message: "", author: "" } },
  { commit: { sha: "f".repeat(40), message: "" } },
  { commit: { sha: "f".repeat(40), message: "", author: "", token: "x" } },
  { source: { kind: "zip", rollbackOf: null } },
  { source: { kind: "commit" } },
  { source: { kind: "commit", rollbackOf: "d-blue" } },
  { source: { kind: "rollback", rollbackOf: null } },
  { source: { kind: "rollback", rollbackOf: "d-blue" } },
  { source: { kind: "rollback", rollbackOf: "d-none" } },
  { source: { kind: "rollback", rollbackOf: "a/b" } },
  { note: "x" },
];

const FIELDS = Object.keys({ ...deploymentFields(""), stateSince: null, createdAt: null });
const RECORD_FIELDS = ["from", "to", "by", "at", "seq", "attempt", "why", "evidence"];

export const FORGED_CREATIONS: readonly ForgedCreation[] = [
  ...WRONG_VALUES.map((fields) =>
    begun(JSON.stringify(fields), (deployment) => other(deployment, fields)),
  ),
  ...FIELDS.map((name) => begun(`no ${name}`, (deployment) => lacking(deployment, name))),
  begun("a number that is a float", (deployment, { number }) =>
    wired(deployment, { number: { doubleValue: number } }),
  ),
  begun("the number before", (deployment, { number }) => other(deployment, { number: number - 1 })),
  begun("the number after", (deployment, { number }) => other(deployment, { number: number + 1 })),
  begun("its number in words", (deployment, { number }) =>
    other(deployment, { number: String(number) }),
  ),
  ...["stateSince", "createdAt"].map((name) =>
    begun(`${name} long ago`, (deployment) => other(deployment, { [name]: LONG_AGO })),
  ),
  begun("what another creator makes", (deployment, { by, projectId }) =>
    other(deployment, by === RESTORE ? { trigger: "push" } : restored(`d-of-${projectId}`)),
  ),
  begun("a commit put back", (deployment) =>
    other(deployment, { trigger: "restore", source: { kind: "commit", rollbackOf: null } }),
  ),
  told("from another state", (record) => other(record, { from: "failed" })),
  told("to another state", (record) => other(record, { to: "validating" })),
  told("in another's name", (record) => other(record, { by: "verify" })),
  told("long ago", (record) => other(record, { at: LONG_AGO })),
  told("with another seq", (record) => other(record, { seq: 2 })),
  told("with another attempt", (record) => other(record, { attempt: 2 })),
  told("with more", (record) => other(record, { note: "x" })),
  told("under another name", (record) => elsewhere(record, nameOf(1), nameOf(2))),
  ...RECORD_FIELDS.map((name) => told(`without ${name}`, (record) => lacking(record, name))),
  counted("no number taken", ({ number }) => ({ nextNumber: number })),
  counted("two numbers taken", ({ number }) => ({ nextNumber: number + 2 })),
  counted("a number given back", ({ number }) => ({ nextNumber: number - 1 })),
  counted("the number taken by nobody", () => ({ newestDeploymentId: null })),
  counted("the number taken by one of before", ({ projectId }) => ({
    newestDeploymentId: `d-of-${projectId}`,
  })),
  counted("more of the project changed", () => ({ liveNumber: -1 })),
  forged("not told", ({ deployment, counter }) => [deployment, counter]),
  forged("not counted", ({ deployment, record }) => [deployment, record]),
  forged("only counted", ({ counter }) => [counter]),
  forged("only told", ({ record }) => [record]),
  forged("twins with one number", (parts) => [
    ...wholeOf(parts),
    ...wholeOf(parts)
      .slice(0, 2)
      .map((write) => elsewhere(write, parts.id, `${parts.id}-twin`)),
  ]),
  forged("twins that each count to the same number", (parts) => [
    ...wholeOf(parts),
    ...wholeOf(parts)
      .slice(0, 2)
      .map((write) => elsewhere(write, parts.id, `${parts.id}-twin`)),
    other(parts.counter, { newestDeploymentId: `${parts.id}-twin` }),
  ]),
  forged("moved on at once", ({ id, deployment, record, counter }) => [
    deployment,
    record,
    counter,
    merge(`deployments/${id}`, { state: "validating", seq: 2 }, { now: ["stateSince"] }),
    set(
      recordPath(id, 2),
      recordFields({ from: "queued", to: "validating", by: "validate", seq: 2 }),
      { now: ["at"] },
    ),
  ]),
  forged("its record written twice", ({ deployment, record, counter }) => [
    deployment,
    record,
    counter,
    other(anyhow(record), { why: "again" }),
  ]),
];
