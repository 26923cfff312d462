/** Real ID tokens of the platform's services and of people, obtained the way programs obtain them. */
import { FirestoreRest } from "@bifrost/shared/cloud/firestore-rest";
import type { PlatformUnderTest } from "./platform.ts";

/** Distances from the base port: see local/src/addresses.ts. */
const FUNCTIONS = 1;
const FIRESTORE = 5;
const IDENTITY = 6;
const IAM = 7;
const CUSTOM_TOKEN_AUDIENCE =
  "https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit";

async function answerOf(response: Response): Promise<Record<string, string>> {
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Record<string, string>;
}

function metadata(platform: PlatformUnderTest, service: string, leaf: string): Promise<Response> {
  const key = platform.secret("metadataKey");
  const root = `${platform.address(IAM)}/metadata/${key}/${service}/computeMetadata/v1`;
  return fetch(`${root}/instance/service-accounts/default/${leaf}`, {
    headers: { "metadata-flavor": "Google" },
  });
}

/** What a function does before its first write: OIDC identity, custom token for its own principal, ID token. */
export async function serviceToken(platform: PlatformUnderTest, service: string): Promise<string> {
  const audience = `${platform.address(FUNCTIONS)}/issue-principal`;
  const identity = await metadata(platform, service, `identity?audience=${audience}`);
  const issued = await fetch(audience, {
    method: "POST",
    headers: { authorization: `Bearer ${await identity.text()}` },
  });
  return signIn(platform, (await answerOf(issued))["customToken"] ?? "");
}

/** A person who signed in: a token without the claim that makes a service. */
export async function personToken(platform: PlatformUnderTest, uid: string): Promise<string> {
  const signer = "issue-principal";
  const email = await (await metadata(platform, signer, "email")).text();
  const access = await answerOf(await metadata(platform, signer, "token"));
  const now = Math.floor(Date.now() / 1000);
  const times = { iat: now, exp: now + 600 };
  const payload = { iss: email, sub: email, aud: CUSTOM_TOKEN_AUDIENCE, ...times, uid };
  const signed = await fetch(
    `${platform.address(IAM)}/v1/projects/-/serviceAccounts/${encodeURIComponent(email)}:signJwt`,
    {
      method: "POST",
      headers: {
        authorization: `Bearer ${access["access_token"]}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({ payload: JSON.stringify(payload) }),
    },
  );
  return signIn(platform, (await answerOf(signed))["signedJwt"] ?? "");
}

async function signIn(platform: PlatformUnderTest, customToken: string): Promise<string> {
  const key = platform.secret("firebaseApiKey");
  const signedIn = await fetch(
    `${platform.address(IDENTITY)}/v1/accounts:signInWithCustomToken?key=${key}`,
    {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token: customToken, returnSecureToken: true }),
    },
  );
  return (await answerOf(signedIn))["idToken"] ?? "";
}

/** `host:port` of the documents. */
export function firestoreAddress(platform: PlatformUnderTest): string {
  return new URL(platform.address(FIRESTORE)).host;
}

/** The documents as whoever has this token sees them. */
export function documentsAs(platform: PlatformUnderTest, token: string): FirestoreRest {
  return new FirestoreRest({
    baseUrl: platform.address(FIRESTORE),
    projectId: "bifrost-local",
    token: async () => token,
  });
}
