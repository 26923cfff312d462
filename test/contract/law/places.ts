/** Deployments put into a state past all rules, for others to try what they can do with them. */
import type { World } from "../firestore-world.ts";
import { FAILURE, moveWrites, type MoveWrites, nameOf, recordFields } from "./move-writes.ts";
import type { StateName } from "./the-law.ts";

export const LONG_AGO = new Date("2026-01-01T00:00:00.000Z");

/** A deployment of the tests starts at these; its project is named after it. */
export const SEQ = 4;
export const ATTEMPT = 2;
export const NUMBER = 7;
/** What the project of a placed deployment serves. */
export const SERVED = {
  liveDeploymentId: "d-served",
  formerDeploymentId: "d-former",
  liveNumber: NUMBER - 1,
};

export const projectOf = (id: string) => `p-${id}`;

export function projectFields(changes: object = {}) {
  return {
    name: "Shop",
    slug: "shop",
    repository: "acme/shop",
    defaultBranch: "main",
    teamId: "red",
    settings: {},
    liveDeploymentId: null,
    formerDeploymentId: null,
    liveNumber: 0,
    newestDeploymentId: "d-newest",
    nextNumber: NUMBER + 1,
    createdAt: LONG_AGO,
    updatedAt: LONG_AGO,
    ...changes,
  };
}

/** Everything but the times. */
export function deploymentFields(id: string, changes: object = {}) {
  return {
    projectId: projectOf(id),
    teamId: "red",
    number: NUMBER,
    commit: { sha: "0123456789".repeat(4), message: "Add cart", author: "mia" },
    branch: "main",
    trigger: "push",
    source: { kind: "commit", rollbackOf: null },
    state: "queued",
    seq: 1,
    attempt: 1,
    createdBy: "github:mia",
    configHash: null,
    imageDigest: null,
    manifestsHash: null,
    url: null,
    failure: null,
    retiredAt: null,
    ...changes,
  };
}

/** A deployment in `state` at SEQ and ATTEMPT, with a project of its own, its last record and its snapshot. */
export async function place(world: World, id: string, state: StateName): Promise<void> {
  const times = { stateSince: LONG_AGO, createdAt: LONG_AGO };
  const failure = state === "failed" ? FAILURE : null;
  const deployment = deploymentFields(id, { state, seq: SEQ, attempt: ATTEMPT, failure });
  const last = recordFields({ to: state, by: "x", seq: SEQ, attempt: ATTEMPT, at: LONG_AGO });
  await world.seeder.commit([
    { set: `projects/${projectOf(id)}`, fields: projectFields(SERVED) },
    { set: `deployments/${id}`, fields: { ...deployment, ...times } },
    { set: `deployments/${id}/transitions/${nameOf(SEQ)}`, fields: last },
    { set: `deployments/${id}/snapshot/config`, fields: { attempt: ATTEMPT } },
  ]);
}

/** A move of a placed deployment, well-formed whoever makes it. */
export function placedMove(id: string, from: string, to: StateName, by: string): MoveWrites {
  const attempt = to === "queued" ? ATTEMPT + 1 : ATTEMPT;
  return moveWrites({
    id,
    projectId: projectOf(id),
    number: NUMBER,
    from,
    to,
    by,
    seq: SEQ + 1,
    attempt,
    former: SERVED.liveDeploymentId,
  });
}
