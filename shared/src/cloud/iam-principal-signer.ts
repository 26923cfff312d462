/** Signs Firebase custom tokens through IAM Credentials: no private key ever lies in a function. */
import * as v from "valibot";
import { BifrostError } from "../domain/errors.ts";
import type { Clock } from "../domain/time.ts";
import type { PrincipalSigner } from "../ports/identity.ts";
import type { MetadataIdentity } from "./metadata-identity.ts";

export interface PrincipalSignerOptions {
  /** `https://iamcredentials.googleapis.com` in production. */
  readonly baseUrl: string;
  readonly identity: MetadataIdentity;
  readonly clock: Clock;
}

/** Audience that Identity Toolkit demands of custom tokens. */
const AUDIENCE =
  "https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit";
const LIFETIME_SECONDS = 600;

export class IamPrincipalSigner implements PrincipalSigner {
  readonly #options: PrincipalSignerOptions;

  constructor(options: PrincipalSignerOptions) {
    this.#options = options;
  }

  async customToken(service: string): Promise<string> {
    const { identity, baseUrl, clock } = this.#options;
    const account = await identity.email();
    const now = Math.floor(clock.now() / 1000);
    const payload = {
      iss: account,
      sub: account,
      aud: AUDIENCE,
      iat: now,
      exp: now + LIFETIME_SECONDS,
      uid: `svc:${service}`,
      claims: { svc: service },
    };
    const response = await fetch(
      `${baseUrl}/v1/projects/-/serviceAccounts/${encodeURIComponent(account)}:signJwt`,
      {
        method: "POST",
        headers: {
          authorization: `Bearer ${await identity.accessToken()}`,
          "content-type": "application/json",
        },
        body: JSON.stringify({ payload: JSON.stringify(payload) }),
        signal: AbortSignal.timeout(10_000),
      },
    );
    if (!response.ok) {
      await response.body?.cancel();
      throw new BifrostError("upstream-refused", "IAM refused to sign a custom token", {
        status: response.status,
      });
    }
    return v.parse(v.object({ signedJwt: v.string() }), await response.json()).signedJwt;
  }
}
