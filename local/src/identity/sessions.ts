/** Issues ID and refresh tokens; a refresh token carries its session sealed, so a restart ends none. */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Clock } from "@bifrost/shared/domain/time";
import { signRs256, verifyRs256 } from "../iam/rs256.ts";
import type { Claims } from "../iam/rs256.ts";
import type { SigningKey } from "../iam/signing-key.ts";
import { checkUser, idTokenClaims } from "./user-claims.ts";
import type { User } from "./user-claims.ts";

export interface VerifiedUser {
  readonly uid: string;
  /** Every claim of the token, custom ones at top level. */
  readonly token: Claims;
}

export interface SessionTokens {
  readonly uid: string;
  readonly idToken: string;
  readonly refreshToken: string;
}

interface Session extends User {
  readonly authTime: number;
}

export class Sessions {
  readonly #projectId: string;
  readonly #key: SigningKey;
  readonly #clock: Clock;
  readonly #secret: Buffer;

  constructor(projectId: string, key: SigningKey, clock: Clock) {
    this.#projectId = projectId;
    this.#key = key;
    this.#clock = clock;
    const der = key.privateKey.export({ type: "pkcs8", format: "der" });
    this.#secret = createHash("sha256").update("refresh").update(der).digest();
  }

  /** @throws BifrostError `bad-request` for a reserved claim name */
  signIn(user: User): SessionTokens {
    return this.#tokens({ ...checkUser(user), authTime: this.#seconds() });
  }

  /** @throws BifrostError `unauthenticated` */
  refresh(refreshToken: string): SessionTokens {
    const [payload = "", seal = ""] = refreshToken.split(".");
    const given = Buffer.from(seal, "base64url");
    const expected = this.#seal(payload);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      throw new BifrostError("unauthenticated", "INVALID_REFRESH_TOKEN");
    }
    return this.#tokens(JSON.parse(Buffer.from(payload, "base64url").toString()) as Session);
  }

  /**
   * Strict: RS256 by this project's own key, not expired, this project's audience and issuer.
   * @throws BifrostError `unauthenticated`
   */
  verify(idToken: string): VerifiedUser {
    const token = verifyRs256(idToken, {
      keyOf: (keyId) => (keyId === this.#key.keyId ? this.#key.publicKey : undefined),
      audience: this.#projectId,
      issuer: `https://securetoken.google.com/${this.#projectId}`,
      nowMs: this.#clock.now(),
    });
    if (typeof token["sub"] !== "string" || token["sub"] === "") {
      throw new BifrostError("unauthenticated", "The token is refused: it names no user.");
    }
    return { uid: token["sub"], token };
  }

  #tokens(session: Session): SessionTokens {
    const { uid, authTime } = session;
    const claims = idTokenClaims(this.#projectId, session, authTime, this.#seconds());
    const payload = Buffer.from(JSON.stringify(session)).toString("base64url");
    const refreshToken = `${payload}.${this.#seal(payload).toString("base64url")}`;
    return { uid, idToken: signRs256(this.#key, claims), refreshToken };
  }

  #seal(payload: string): Buffer {
    return createHmac("sha256", this.#secret).update(payload).digest();
  }

  #seconds(): number {
    return Math.floor(this.#clock.now() / 1000);
  }
}
