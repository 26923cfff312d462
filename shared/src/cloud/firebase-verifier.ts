/** Verifies Firebase ID tokens of people against the issuer's published certificates. */
import { OAuth2Client } from "google-auth-library";

export interface FirebaseVerifierOptions {
  readonly projectId: string;
  /** `https://securetoken.google.com` in production; the project is appended. */
  readonly issuer: string;
  /** PEM certificates by key id. */
  readonly certificatesUrl: string;
}

/** Answers the uid, or null for a token that does not verify. */
export function buildFirebaseVerifier(
  options: FirebaseVerifierOptions,
): (token: string) => Promise<string | null> {
  const client = new OAuth2Client({
    issuers: [`${options.issuer}/${options.projectId}`],
    endpoints: { oauth2FederatedSignonPemCertsUrl: options.certificatesUrl },
  });
  return async (token) => {
    try {
      const ticket = await client.verifyIdToken({ idToken: token, audience: options.projectId });
      return ticket.getUserId();
    } catch {
      return null;
    }
  };
}
