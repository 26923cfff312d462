/** Access tokens that name their account and expire; sealed with a secret, so a restart keeps them valid. */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Clock } from "@bifrost/shared/domain/time";

/** Lifetime Google's metadata server gives. */
export const ACCESS_TOKEN_SECONDS = 3600;
const PREFIX = "ya29.";

export class AccessTokens {
  readonly #secret: Buffer;
  readonly #clock: Clock;

  constructor(secret: Buffer, clock: Clock) {
    this.#secret = secret;
    this.#clock = clock;
  }

  issue(email: string): string {
    const exp = Math.floor(this.#clock.now() / 1000) + ACCESS_TOKEN_SECONDS;
    const payload = Buffer.from(JSON.stringify({ email, exp })).toString("base64url");
    return `${PREFIX}${payload}.${this.#seal(payload).toString("base64url")}`;
  }

  /** The account's e-mail; undefined for a token that is forged, malformed or expired. */
  emailOf(token: string): string | undefined {
    const [payload, seal] = token.startsWith(PREFIX) ? token.slice(PREFIX.length).split(".") : [];
    if (payload === undefined || seal === undefined) return undefined;
    const expected = this.#seal(payload);
    const given = Buffer.from(seal, "base64url");
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    const { email, exp } = JSON.parse(Buffer.from(payload, "base64url").toString()) as {
      email: string;
      exp: number;
    };
    return exp * 1000 > this.#clock.now() ? email : undefined;
  }

  #seal(payload: string): Buffer {
    return createHmac("sha256", this.#secret).update(payload).digest();
  }
}
