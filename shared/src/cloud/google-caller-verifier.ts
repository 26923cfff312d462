/** Checks who calls a function: Google-signed OIDC tokens, with issuer and key address from configuration. */
import { createHash } from "node:crypto";
import { OAuth2Client } from "google-auth-library";
import { BifrostError } from "../domain/errors.ts";
import type { Clock } from "../domain/time.ts";
import type { Caller, CallerVerifier } from "../ports/identity.ts";

export interface CallerVerifierOptions {
  readonly projectId: string;
  /** `https://accounts.google.com` in production. */
  readonly issuer: string;
  /** PEM certificates by key id: `https://www.googleapis.com/oauth2/v1/certs` in production. */
  readonly certificatesUrl: string;
  readonly clock: Clock;
}

/** A workflow shows the same token in each of its calls: its signature is checked once. */
const MAX_REMEMBERED = 1_000;

interface Remembered {
  readonly caller: Caller;
  /** Epoch milliseconds; the token's own end. */
  readonly until: number;
}

const SERVICE = /^([a-z][a-z0-9-]{0,29})@(.+)\.iam\.gserviceaccount\.com$/;

export class GoogleCallerVerifier implements CallerVerifier {
  readonly #client: OAuth2Client;
  readonly #options: CallerVerifierOptions;
  /** By a digest of token and audience: no token stays in memory. Only tokens that were found good. */
  readonly #remembered = new Map<string, Remembered>();

  constructor(options: CallerVerifierOptions) {
    this.#options = options;
    this.#client = new OAuth2Client({
      issuers: [options.issuer],
      endpoints: { oauth2FederatedSignonPemCertsUrl: options.certificatesUrl },
    });
  }

  async verify(token: string, audience: string): Promise<Caller> {
    const key = createHash("sha256").update(`${audience}\n${token}`).digest("base64");
    const known = this.#remembered.get(key);
    if (known !== undefined && this.#options.clock.now() < known.until) return known.caller;
    const payload = await this.#client
      .verifyIdToken({ idToken: token, audience })
      .then((ticket) => ticket.getPayload())
      .catch(() => undefined);
    const email = payload?.email_verified === true ? (payload.email ?? "") : "";
    const match = SERVICE.exec(email);
    if (match?.[1] === undefined || match[2] !== this.#options.projectId) {
      throw new BifrostError(
        "unauthenticated",
        "the bearer token is not an identity token of a service of this platform for this address",
        { audience },
      );
    }
    const caller = { service: match[1], email };
    this.#remember(key, { caller, until: (payload?.exp ?? 0) * 1000 });
    return caller;
  }

  /** The oldest goes when there are too many. */
  #remember(key: string, entry: Remembered): void {
    this.#remembered.delete(key);
    this.#remembered.set(key, entry);
    const [oldest] = this.#remembered.keys();
    if (oldest !== undefined && this.#remembered.size > MAX_REMEMBERED)
      this.#remembered.delete(oldest);
  }
}
