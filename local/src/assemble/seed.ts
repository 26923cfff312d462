/** The one team and the one user of a local platform, written once with the administrator's credential. */
import { createHash } from "node:crypto";
import { FirestoreRest } from "@bifrost/shared/cloud/firestore-rest";
import { isBifrostError } from "@bifrost/shared/domain/errors";
import { addressOf, type AssemblyContext, PROJECT_ID, TEAM_ID, USER_ID } from "./context.ts";

export async function seed(context: AssemblyContext): Promise<void> {
  const store = new FirestoreRest({
    baseUrl: addressOf(context, "firestore"),
    projectId: PROJECT_ID,
    token: async () => context.secrets.firestoreOwnerToken,
  });
  const keyHash = createHash("sha256").update(context.secrets.apiKey).digest("hex");
  const once = { must: { exists: false } } as const;
  try {
    await store.commit([
      { set: `teams/${TEAM_ID}`, fields: { name: "Local" }, serverTimes: ["createdAt"], ...once },
      {
        set: `members/${TEAM_ID}_${USER_ID}`,
        fields: { teamId: TEAM_ID, uid: USER_ID, role: "admin" },
        serverTimes: ["createdAt"],
        ...once,
      },
      {
        set: `apiKeys/${keyHash}`,
        fields: { uid: USER_ID, scopes: ["read", "deploy", "admin"], revokedAt: null },
        serverTimes: ["createdAt"],
        ...once,
      },
    ]);
  } catch (error) {
    if (!isBifrostError(error, "already-exists")) throw error; // seeded by an earlier start
  }
}
