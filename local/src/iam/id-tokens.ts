/** ID tokens of service accounts: what Workflows, Pub/Sub, Eventarc and Scheduler authenticate with. */
import type { Clock } from "@bifrost/shared/domain/time";
import type { ServiceAccount } from "./accounts.ts";
import { signRs256, verifyRs256 } from "./rs256.ts";
import type { Claims } from "./rs256.ts";
import type { SigningKey } from "./signing-key.ts";

const LIFETIME_SECONDS = 3600;
/** A cached token is replaced when less than this is left, as Google's clients do. */
const RENEW_BEFORE_SECONDS = 300;
const MAX_CACHED = 1000;

export class IdTokens {
  readonly #key: SigningKey;
  readonly issuer: string;
  readonly #clock: Clock;
  readonly #cache = new Map<string, { readonly token: string; readonly exp: number }>();

  constructor(key: SigningKey, issuer: string, clock: Clock) {
    this.#key = key;
    this.issuer = issuer;
    this.#clock = clock;
  }

  issue(account: ServiceAccount, audience: string): string {
    const now = Math.floor(this.#clock.now() / 1000);
    const cacheKey = `${account.email}\n${audience}`;
    const cached = this.#cache.get(cacheKey);
    if (cached !== undefined && cached.exp - now > RENEW_BEFORE_SECONDS) return cached.token;
    const exp = now + LIFETIME_SECONDS;
    const token = signRs256(this.#key, {
      iss: this.issuer,
      aud: audience,
      azp: account.uniqueId,
      sub: account.uniqueId,
      email: account.email,
      email_verified: true,
      iat: now,
      exp,
    });
    if (this.#cache.size >= MAX_CACHED) this.#cache.clear();
    this.#cache.set(cacheKey, { token, exp });
    return token;
  }

  /** @throws BifrostError `unauthenticated` */
  verify(token: string, audience: string): Claims {
    return verifyRs256(token, {
      keyOf: (keyId) => (keyId === this.#key.keyId ? this.#key.publicKey : undefined),
      audience,
      issuer: this.issuer,
      nowMs: this.#clock.now(),
    });
  }
}
