/**
 * Verifies Firebase ID tokens as https://firebase.google.com/docs/auth/admin/verify-id-tokens demands: RS256 by a key
 * that is served now, this project's issuer and audience, not expired, nothing from the future, and a subject.
 */
import type { KeyObject } from "node:crypto";
import { type CryptoKey, createRemoteJWKSet, errors, jwtVerify, type JWTPayload } from "jose";
import { BifrostError } from "../domain/errors.ts";
import type { Clock } from "../domain/time.ts";

/** The public key of this id; undefined when no such key is served (any more). */
export type KeySource = (
  keyId: string,
) => KeyObject | undefined | Promise<KeyObject | CryptoKey | undefined>;

export interface FirebaseVerifierOptions {
  readonly projectId: string;
  /** `https://securetoken.google.com` in production; the project is appended. */
  readonly issuer: string;
  readonly keys: KeySource;
  readonly clock: Clock;
}

export interface FirebaseUser {
  readonly uid: string;
  /** Every claim of the token, custom ones at top level. */
  readonly token: Readonly<Record<string, unknown>>;
}

/** Throws BifrostError `unauthenticated` for a bad token and `upstream-unavailable` when no keys can be had. */
export type FirebaseVerifier = (token: string) => Promise<FirebaseUser>;

/** `iat` and `auth_time` may lie this far ahead; an expired token is expired at once. */
const LEEWAY_SECONDS = 30;
/** Firebase gives a token an hour: one that claims more was not made by it. */
const MAX_LIFETIME_SECONDS = 3600;
const MAX_UID_CHARS = 128;
const MAX_TOKEN_CHARS = 16_384;

export function buildFirebaseVerifier(options: FirebaseVerifierOptions): FirebaseVerifier {
  const { keys, projectId, issuer, clock } = options;
  return async (token) => {
    if (token.length > MAX_TOKEN_CHARS) throw refused("it is too long");
    const now = clock.now();
    const { payload } = await jwtVerify(token, ({ kid }) => keyOf(keys, kid), {
      algorithms: ["RS256"],
      issuer: `${issuer}/${projectId}`,
      audience: projectId,
      requiredClaims: ["exp", "iat", "auth_time", "sub"],
      currentDate: new Date(now),
    }).catch((error: unknown) => {
      throw translated(error);
    });
    return { uid: checkClaims(payload, now / 1000), token: payload };
  };
}

async function keyOf(keys: KeySource, keyId: string | undefined): Promise<KeyObject | CryptoKey> {
  const key = typeof keyId === "string" ? await keys(keyId) : undefined;
  if (key === undefined) throw new errors.JWKSNoMatchingKey("its key is not known");
  return key;
}

/** What jose leaves to its caller; answers the uid. */
function checkClaims(payload: JWTPayload, nowSeconds: number): string {
  const { aud, sub, exp = 0, iat = 0, auth_time: signedInAt } = payload;
  if (typeof aud !== "string") throw refused("aud must be a single string");
  if (iat > nowSeconds + LEEWAY_SECONDS) throw refused("it was issued in the future");
  if (exp > iat + MAX_LIFETIME_SECONDS) throw refused("it lives longer than an hour");
  if (typeof signedInAt !== "number" || signedInAt > nowSeconds + LEEWAY_SECONDS) {
    throw refused("auth_time is no time of the past");
  }
  if (typeof sub !== "string" || sub === "" || sub.length > MAX_UID_CHARS) {
    throw refused(`sub must have 1 to ${MAX_UID_CHARS} characters`);
  }
  return sub;
}

function translated(error: unknown): BifrostError {
  const isVerdict = error instanceof errors.JOSEError && !isAboutKeys(error);
  if (isVerdict) return refused(error.message);
  return new BifrostError(
    "upstream-unavailable",
    "the keys that sign ID tokens could not be read; try again",
    {},
    { cause: error },
  );
}

/** jose throws its plain base class when the key set answers with an error or with something else. */
function isAboutKeys(error: errors.JOSEError): boolean {
  return ["ERR_JOSE_GENERIC", "ERR_JWKS_INVALID", "ERR_JWKS_TIMEOUT"].includes(error.code);
}

/** jose's messages name claims and headers, never the token: they may be shown. */
function refused(why: string): BifrostError {
  return new BifrostError("unauthenticated", `The ID token is refused: ${why}.`);
}

export interface PublishedKeysOptions {
  /** JSON Web Key Set. */
  readonly url: string;
  /** An unknown key id asks again, but not more often than this: forged ids must not become requests. */
  readonly cooldownMs?: number;
  /** A key that is served no more is believed for at most this long. */
  readonly maxAgeMs?: number;
}

/** The keys that the issuer publishes; fetched when first needed, kept, and fetched again for an unknown id. */
export function publishedKeys(options: PublishedKeysOptions): KeySource {
  const { url, cooldownMs = 30_000, maxAgeMs = 600_000 } = options;
  const keySet = createRemoteJWKSet(new URL(url), {
    cooldownDuration: cooldownMs,
    cacheMaxAge: maxAgeMs,
  });
  return async (keyId) => {
    try {
      return await keySet({ alg: "RS256", kid: keyId });
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) return undefined;
      throw error;
    }
  };
}
