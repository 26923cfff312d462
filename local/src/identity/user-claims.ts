/** What an ID token of a person or a service says about its bearer. */
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { Claims } from "../iam/rs256.ts";

/** Claims that the token itself defines; a custom token may not bring them (Firebase's own list, and user_id). */
const RESERVED_CLAIMS: readonly string[] = [
  "acr",
  "amr",
  "at_hash",
  "aud",
  "auth_time",
  "azp",
  "c_hash",
  "cnf",
  "exp",
  "firebase",
  "iat",
  "iss",
  "jti",
  "nbf",
  "nonce",
  "sub",
  "user_id",
];

/** Firebase's bound on developer claims, in bytes of JSON. */
const MAX_CLAIMS_BYTES = 1000;
const MAX_UID_LENGTH = 128;

export interface User {
  readonly uid: string;
  readonly claims: Claims;
}

/** @throws BifrostError `bad-request` naming the reserved claim, the size or the uid. */
export function checkUser(user: User): User {
  const reserved = Object.keys(user.claims).find((name) => RESERVED_CLAIMS.includes(name));
  if (reserved !== undefined) {
    const message = `The claim ${reserved} is reserved and cannot be given in a custom token.`;
    throw new BifrostError("bad-request", message, { claim: reserved });
  }
  const bytes = Buffer.byteLength(JSON.stringify(user.claims));
  if (bytes > MAX_CLAIMS_BYTES) {
    const message = `The claims take ${bytes} bytes; at most ${MAX_CLAIMS_BYTES} are allowed.`;
    throw new BifrostError("bad-request", message, { bytes });
  }
  if (user.uid === "" || user.uid.length > MAX_UID_LENGTH) {
    throw new BifrostError("bad-request", "A uid has 1 to 128 characters.");
  }
  return user;
}

/** All claims of the ID token; `nowSeconds` is its issue time. */
export function idTokenClaims(
  projectId: string,
  user: User,
  authTime: number,
  nowSeconds: number,
): Claims {
  return {
    ...user.claims,
    iss: `${ID_TOKEN_ISSUER}/${projectId}`,
    aud: projectId,
    auth_time: authTime,
    user_id: user.uid,
    sub: user.uid,
    iat: nowSeconds,
    exp: nowSeconds + ID_TOKEN_SECONDS,
    firebase: { identities: {}, sign_in_provider: "custom" },
  };
}

/** The project is appended. */
export const ID_TOKEN_ISSUER = "https://securetoken.google.com";
export const ID_TOKEN_SECONDS = 3600;
