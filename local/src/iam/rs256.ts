/** JSON Web Tokens with RS256 and nothing else: the one algorithm leaves no room for confusion. */
import { sign, verify } from "node:crypto";
import type { KeyObject } from "node:crypto";
import { BifrostError } from "@bifrost/shared/domain/errors";
import type { SigningKey } from "./signing-key.ts";

export type Claims = Readonly<Record<string, unknown>>;

/** Clocks of verifier and issuer may differ by this much. */
const CLOCK_SKEW_SECONDS = 30;
const MAX_TOKEN_LENGTH = 16_384;

export function signRs256(key: SigningKey, claims: Claims): string {
  const header = encode({ alg: "RS256", kid: key.keyId, typ: "JWT" });
  const signed = `${header}.${encode(claims)}`;
  return `${signed}.${sign("sha256", Buffer.from(signed), key.privateKey).toString("base64url")}`;
}

export interface Expected {
  /** The key of a `kid`; undefined refuses the token. */
  keyOf(keyId: string, unverified: Claims): KeyObject | undefined;
  readonly audience: string;
  /** Absent: the caller checks the issuer itself. */
  readonly issuer?: string;
  readonly nowMs: number;
}

/**
 * The claims of a token whose signature, algorithm, audience, issuer, `iat` and `exp` are right.
 * @throws BifrostError `unauthenticated`, saying which of them is not.
 */
export function verifyRs256(token: string, expected: Expected): Claims {
  const [head, body, signature, ...rest] = token.length > MAX_TOKEN_LENGTH ? [] : token.split(".");
  if (head === undefined || body === undefined || !signature || rest.length > 0) {
    throw refused("it is not a signed JWT");
  }
  const header = decode(head);
  const claims = decode(body);
  if (header["alg"] !== "RS256") throw refused("its algorithm is not RS256");
  const key = typeof header["kid"] === "string" ? expected.keyOf(header["kid"], claims) : undefined;
  if (key === undefined) throw refused("its key is not known");
  const valid = verify(
    "sha256",
    Buffer.from(`${head}.${body}`),
    key,
    Buffer.from(signature, "base64url"),
  );
  if (!valid) throw refused("its signature is wrong");
  checkClaims(claims, expected);
  return claims;
}

function checkClaims(claims: Claims, expected: Expected): void {
  const now = Math.floor(expected.nowMs / 1000);
  const { exp, iat, aud, iss } = claims;
  if (typeof exp !== "number" || typeof iat !== "number") throw refused("exp or iat is missing");
  if (exp + CLOCK_SKEW_SECONDS <= now) throw refused("it has expired");
  if (iat - CLOCK_SKEW_SECONDS > now) throw refused("it was issued in the future");
  if (aud !== expected.audience) {
    throw refused(`it is meant for ${String(aud)}, not for ${expected.audience}`);
  }
  if (expected.issuer !== undefined && iss !== expected.issuer) {
    throw refused(`it comes from ${String(iss)}, not from ${expected.issuer}`);
  }
}

function refused(why: string): BifrostError {
  return new BifrostError("unauthenticated", `The token is refused: ${why}.`);
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function decode(part: string): Claims {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    if (typeof value === "object" && value !== null) return value as Claims;
  } catch {
    // Falls through to the one refusal.
  }
  throw refused("it is not a signed JWT");
}
