/** Issues ID and refresh tokens; a refresh token carries its session sealed, so a restart ends none. */
import { createHmac, timingSafeEqual } from "node:crypto";
import {
  buildFirebaseVerifier,
  type FirebaseVerifier,
} from "@bifrost/shared/cloud/firebase-verifier";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Clock } from "@bifrost/shared/domain/time";
import { signRs256 } from "../iam/rs256.ts";
import type { KeyRing } from "./key-ring.ts";
import { checkUser, ID_TOKEN_ISSUER, idTokenClaims } from "./user-claims.ts";
import type { User } from "./user-claims.ts";

export interface SessionTokens {
  readonly uid: string;
  readonly idToken: string;
  readonly refreshToken: string;
}

interface Session extends User {
  readonly authTime: number;
}

export interface SessionsOptions {
  readonly projectId: string;
  readonly keys: KeyRing;
  /** Seals the refresh tokens. */
  readonly secret: Buffer;
  readonly clock: Clock;
}

export class Sessions {
  readonly #projectId: string;
  readonly #keys: KeyRing;
  readonly #secret: Buffer;
  readonly #clock: Clock;
  /** Only tokens of this project, signed by a key that is served now. */
  readonly verify: FirebaseVerifier;

  constructor({ projectId, keys, secret, clock }: SessionsOptions) {
    this.#projectId = projectId;
    this.#keys = keys;
    this.#secret = secret;
    this.#clock = clock;
    this.verify = buildFirebaseVerifier({
      projectId,
      issuer: ID_TOKEN_ISSUER,
      keys: (keyId) => keys.find(keyId)?.publicKey,
      clock,
    });
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

  #tokens(session: Session): SessionTokens {
    const { uid, authTime } = session;
    const claims = idTokenClaims(this.#projectId, session, authTime, this.#seconds());
    const payload = Buffer.from(JSON.stringify(session)).toString("base64url");
    const refreshToken = `${payload}.${this.#seal(payload).toString("base64url")}`;
    return { uid, idToken: signRs256(this.#keys.newest, claims), refreshToken };
  }

  #seal(payload: string): Buffer {
    return createHmac("sha256", this.#secret).update(payload).digest();
  }

  #seconds(): number {
    return Math.floor(this.#clock.now() / 1000);
  }
}
