/** Documents as the platform has them: a team with one member, its project, and deployments of it. */
import { encodeFields } from "@bifrost/shared/cloud/firestore-values";
import { PERSON } from "./store-messages.ts";
import { DOCUMENTS, type StoreUnderBench } from "./store-under-bench.ts";

const TEAM = "bench";
const PROJECT = "bench";
const NUMBER = 1;
const DOCUMENTS_PER_COMMIT = 400;

export async function seedTeam(store: StoreUnderBench): Promise<void> {
  const member = encodeFields({ teamId: TEAM, uid: PERSON });
  // The URL serves the only number there is, so that becoming healthy needs no other document to move.
  const project = encodeFields({ teamId: TEAM, liveNumber: NUMBER });
  await store.commit(store.ownerToken, [
    { update: { name: `${DOCUMENTS}/members/${TEAM}_${PERSON}`, fields: member } },
    { update: { name: `${DOCUMENTS}/projects/${PROJECT}`, fields: project } },
  ]);
}

/** Deployments at `queued`, with a snapshot of their config; written by the administrator. Resolves with their version. */
export async function seedDeployments(
  store: StoreUnderBench,
  ids: readonly string[],
): Promise<string> {
  let version = "";
  for (let start = 0; start < ids.length; start += DOCUMENTS_PER_COMMIT / 2) {
    const some = ids.slice(start, start + DOCUMENTS_PER_COMMIT / 2);
    version = await store.commit(store.ownerToken, some.flatMap(writesFor));
  }
  return version;
}

function writesFor(id: string): readonly object[] {
  const name = `${DOCUMENTS}/deployments/${id}`;
  const snapshot = encodeFields({ config: "{}", attempt: 1 });
  return [
    { update: { name, fields: encodeFields(queued()) } },
    { update: { name: `${name}/snapshot/config`, fields: snapshot } },
  ];
}

function queued(): Readonly<Record<string, unknown>> {
  const now = new Date();
  return {
    projectId: PROJECT,
    teamId: TEAM,
    number: NUMBER,
    commit: { sha: "c".repeat(40), message: "measured", author: "bench" },
    branch: "main",
    trigger: "push",
    source: { kind: "commit", rollbackOf: null },
    state: "queued",
    seq: 1,
    attempt: 1,
    stateSince: now,
    createdAt: now,
    createdBy: "bench",
    configHash: null,
    imageDigest: null,
    manifestsHash: null,
    url: null,
    failure: null,
    retiredAt: null,
  };
}
