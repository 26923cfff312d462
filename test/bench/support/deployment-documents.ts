/** Documents as the platform has them: a team with one member, and deployments of it. */
import { encodeFields } from "@bifrost/shared/cloud/firestore-values";
import { PERSON } from "./store-messages.ts";
import { DOCUMENTS, type StoreUnderBench } from "./store-under-bench.ts";

const TEAM = "bench";
const DOCUMENTS_PER_COMMIT = 400;

export async function seedTeam(store: StoreUnderBench): Promise<void> {
  const fields = encodeFields({ teamId: TEAM, uid: PERSON });
  await store.commit(store.ownerToken, [
    { update: { name: `${DOCUMENTS}/members/${TEAM}_${PERSON}`, fields } },
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
    projectId: "bench",
    teamId: TEAM,
    number: 1,
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
