/** Checks who calls a function: Google-signed OIDC tokens, with issuer and key address from configuration. */
import { OAuth2Client } from "google-auth-library";
import { BifrostError } from "../domain/errors.ts";
import type { Caller, CallerVerifier } from "../ports/identity.ts";

export interface CallerVerifierOptions {
  readonly projectId: string;
  /** `https://accounts.google.com` in production. */
  readonly issuer: string;
  /** PEM certificates by key id: `https://www.googleapis.com/oauth2/v1/certs` in production. */
  readonly certificatesUrl: string;
}

const SERVICE = /^([a-z][a-z0-9-]{0,29})@(.+)\.iam\.gserviceaccount\.com$/;

export class GoogleCallerVerifier implements CallerVerifier {
  readonly #client: OAuth2Client;
  readonly #projectId: string;

  constructor(options: CallerVerifierOptions) {
    this.#projectId = options.projectId;
    this.#client = new OAuth2Client({
      issuers: [options.issuer],
      endpoints: { oauth2FederatedSignonPemCertsUrl: options.certificatesUrl },
    });
  }

  async verify(token: string, audience: string): Promise<Caller> {
    const email = await this.#client
      .verifyIdToken({ idToken: token, audience })
      .then((ticket) => ticket.getPayload())
      .then((payload) => (payload?.email_verified === true ? (payload.email ?? "") : ""))
      .catch(() => "");
    const match = SERVICE.exec(email);
    if (match?.[1] === undefined || match[2] !== this.#projectId) {
      throw new BifrostError(
        "unauthenticated",
        "the bearer token is not an identity token of a service of this platform for this address",
        { audience },
      );
    }
    return { service: match[1], email };
  }
}
