/** Firestore's REST API for what a gateway writes by itself, under the security rules. */
import { FirestoreRest } from "@bifrost/shared/cloud/firestore-rest";
import { MetadataIdentity } from "@bifrost/shared/cloud/metadata-identity";
import { principalToken } from "@bifrost/shared/cloud/principal-token";
import type { Timers } from "@bifrost/shared/domain/time";

export interface FirestoreAccess {
  readonly projectId: string;
  readonly functionsUrl: string;
  readonly identityToolkitUrl: string;
  readonly firebaseApiKey: string;
  readonly firestoreUrl: string;
}

/** Firestore as the principal that this metadata server vouches for. */
export function composeFirestore(
  { functionsUrl, identityToolkitUrl, firebaseApiKey, firestoreUrl, projectId }: FirestoreAccess,
  metadataUrl: string,
  clock: Timers,
): FirestoreRest {
  const token = principalToken({
    issuerUrl: `${functionsUrl}/issue-principal`,
    identityToolkitUrl,
    apiKey: firebaseApiKey,
    identity: new MetadataIdentity({ baseUrl: metadataUrl, clock }),
    clock,
  });
  return new FirestoreRest({ baseUrl: firestoreUrl, projectId, token });
}
