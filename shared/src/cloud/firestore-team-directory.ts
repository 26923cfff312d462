/** People by API key or Firebase ID token, with the teams their membership documents name. */
import * as v from "valibot";
import { isBifrostError } from "../domain/errors.ts";
import type { Person, TeamDirectory } from "../ports/team-directory.ts";
import type { FirebaseUser, FirebaseVerifier } from "./firebase-verifier.ts";
import { whereEqual, type FirestoreRest } from "./firestore-rest.ts";
import { encodeValue } from "./firestore-values.ts";

export interface TeamDirectoryOptions {
  readonly store: FirestoreRest;
  readonly verifyIdToken: FirebaseVerifier;
}

const apiKeySchema = v.object({
  uid: v.string(),
  scopes: v.array(v.picklist(["read", "deploy", "admin"])),
  revokedAt: v.nullable(v.date()),
});
const memberSchema = v.object({ teamId: v.string(), uid: v.string() });

export function firestoreTeamDirectory(options: TeamDirectoryOptions): TeamDirectory {
  const { store } = options;

  async function teamsOf(uid: string): Promise<readonly string[]> {
    const found = await store.query("", {
      from: [{ collectionId: "members" }],
      where: whereEqual({ uid }, encodeValue),
      limit: 100,
    });
    return found.map((document) => v.parse(memberSchema, document.fields).teamId);
  }

  return {
    async byApiKeyHash(hash): Promise<Person | null> {
      const document = await store.get(`apiKeys/${hash}`);
      if (document === null) return null;
      const key = v.parse(apiKeySchema, document.fields);
      if (key.revokedAt !== null) return null;
      return { uid: key.uid, teamIds: await teamsOf(key.uid), scopes: key.scopes };
    },
    async byIdToken(token): Promise<Person | null> {
      const user = await options.verifyIdToken(token).catch(nobodyWhenRefused);
      if (user === null || user.uid.startsWith("svc:")) return null;
      const { uid } = user;
      return { uid, teamIds: await teamsOf(uid), scopes: ["read", "deploy"] };
    },
  };
}

/** A token that does not verify is nobody's; keys that cannot be had are another matter. */
function nobodyWhenRefused(error: unknown): FirebaseUser | null {
  if (isBifrostError(error, "unauthenticated")) return null;
  throw error;
}
