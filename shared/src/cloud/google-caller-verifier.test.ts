import { createSign, generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { GoogleCallerVerifier } from "./google-caller-verifier.ts";

const ISSUER = "https://issuer.test";
const AUDIENCE = "https://functions.test/validate";
const KEY_ID = "key-1";
const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const server = createServer((_request, response) => {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ [KEY_ID]: publicKey.export({ type: "spki", format: "pem" }) }));
});

beforeAll(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
afterAll(() => new Promise((resolve) => server.close(resolve)));

function verifierAt(clock: { now(): number }): GoogleCallerVerifier {
  const { port } = server.address() as AddressInfo;
  return new GoogleCallerVerifier({
    projectId: "p",
    issuer: ISSUER,
    certificatesUrl: `http://127.0.0.1:${port}/`,
    clock,
  });
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");

function tokenFor(service: string, expiresAt: number, key = privateKey): string {
  const payload = {
    iss: ISSUER,
    aud: AUDIENCE,
    sub: "1",
    email: `${service}@p.iam.gserviceaccount.com`,
    email_verified: true,
    iat: expiresAt - 3_600,
    exp: expiresAt,
  };
  const text = `${encode({ alg: "RS256", kid: KEY_ID, typ: "JWT" })}.${encode(payload)}`;
  return `${text}.${createSign("sha256").update(text).sign(key, "base64url")}`;
}

const inAnHour = (): number => Math.floor(Date.now() / 1000) + 3_600;

test("a token found good is taken again, for its own audience only", async () => {
  const verifier = verifierAt(Date);
  const token = tokenFor("workflows", inAnHour());
  const first = await verifier.verify(token, AUDIENCE);
  expect(first.service).toBe("workflows");
  expect(await verifier.verify(token, AUDIENCE)).toBe(first); // the very same object: not checked again
  await expect(verifier.verify(token, `${AUDIENCE}x`)).rejects.toMatchObject({
    code: "unauthenticated",
  });
});

test("a remembered token is checked again once its time is over", async () => {
  let now = Date.now();
  const verifier = verifierAt({ now: () => now });
  // Past its end but within the minutes of clock skew that Google's library grants.
  const token = tokenFor("workflows", Math.floor(Date.now() / 1000) - 60);
  const first = await verifier.verify(token, AUDIENCE);
  now += 1;
  expect(await verifier.verify(token, AUDIENCE)).not.toBe(first);
});

test("a token that another key signed is refused every time", async () => {
  const verifier = verifierAt(Date);
  const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const forged = tokenFor("workflows", inAnHour(), stranger);
  for (let turn = 0; turn < 2; turn++) {
    await expect(verifier.verify(forged, AUDIENCE)).rejects.toMatchObject({
      code: "unauthenticated",
    });
  }
});
