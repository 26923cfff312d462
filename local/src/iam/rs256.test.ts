import { createHmac, sign } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { signRs256, verifyRs256 } from "./rs256.ts";
import { loadSigningKey, publicPem } from "./signing-key.ts";
import type { SigningKey } from "./signing-key.ts";

const now = 1_700_000_000;
const good = { iss: "me", aud: "you", iat: now, exp: now + 3600 };
let key: SigningKey;
let other: SigningKey;

beforeAll(async () => {
  [key, other] = await Promise.all([loadSigningKey(undefined), loadSigningKey(undefined)]);
});

function check(token: string) {
  return verifyRs256(token, {
    keyOf: (keyId) => (keyId === key.keyId ? key.publicKey : undefined),
    audience: "you",
    issuer: "me",
    nowMs: now * 1000,
  });
}

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

describe("verifyRs256", () => {
  test("returns the claims of a good token", () => {
    expect(check(signRs256(key, { ...good, svc: "build" }))).toMatchObject({ svc: "build" });
  });

  test.each([
    ["expired", { exp: now - 31 }, /expired/],
    ["from the future", { iat: now + 31 }, /future/],
    ["for someone else", { aud: "her" }, /meant for her/],
    ["for a list of audiences", { aud: ["you"] }, /meant for/],
    ["from someone else", { iss: "him" }, /comes from him/],
    ["without an end", { exp: undefined }, /exp or iat/],
  ])("refuses a token that is %s", (_, over, why) => {
    expect(() => check(signRs256(key, { ...good, ...over }))).toThrow(why);
  });

  test("refuses a key it does not know, even under a known key id", () => {
    expect(() => check(signRs256(other, good))).toThrow(/key is not known/);
    const impostor = { ...other, keyId: key.keyId };
    expect(() => check(signRs256(impostor, good))).toThrow(/signature is wrong/);
  });

  test("refuses alg none and an HMAC made with the public key", () => {
    const unsigned = `${part({ alg: "none", kid: key.keyId })}.${part(good)}.x`;
    expect(() => check(unsigned)).toThrow(/not RS256/);
    const body = `${part({ alg: "HS256", kid: key.keyId })}.${part(good)}`;
    const mac = createHmac("sha256", publicPem(key)).update(body).digest("base64url");
    expect(() => check(`${body}.${mac}`)).toThrow(/not RS256/);
  });

  test.each(["", "a.b", "a.b.c.d", "!.!.!", `${part({ alg: "RS256" })}.bnVsbA.x`])(
    "refuses %j as no token",
    (token) => {
      expect(() => check(token)).toThrow(/not a signed JWT/);
    },
  );

  test("refuses a token whose header names no key", () => {
    const body = `${part({ alg: "RS256" })}.${part(good)}`;
    const signature = sign("sha256", Buffer.from(body), key.privateKey).toString("base64url");
    expect(() => check(`${body}.${signature}`)).toThrow(/key is not known/);
  });
});
