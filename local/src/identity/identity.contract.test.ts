import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { OAuth2Client } from "google-auth-library";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { CUSTOM_TOKEN_AUDIENCE } from "../iam/account-keys.ts";
import { startIam } from "../iam/index.ts";
import type { RunningIam } from "../iam/index.ts";
import { startIdentity } from "./index.ts";
import type { RunningIdentity } from "./index.ts";

const projectId = "bifrost-local";
const base = { projectId, timers: systemTimers, log: silentLogger };
const signer = `issue-principal@${projectId}.iam.gserviceaccount.com`;
let dataDir: string;
let iam: RunningIam;
let identity: RunningIdentity;

const start = () =>
  startIdentity({
    ...base,
    apiKey: "local-key",
    dataDir,
    verifyCustomToken: (jwt) => iam.verifyCustomToken(jwt),
  });

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "identity-"));
  iam = await startIam(base);
  identity = await start();
});
afterAll(async () => {
  await Promise.all([iam.stop(), identity.stop()]);
  await rm(dataDir, { recursive: true });
});

async function customToken(claims: object, uid = "svc:build"): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const aud = CUSTOM_TOKEN_AUDIENCE;
  const payload = { iss: signer, sub: signer, aud, iat: now, exp: now + 3600, uid, claims };
  const reply = await fetch(`${iam.issuer}/v1/projects/-/serviceAccounts/${signer}:signJwt`, {
    method: "POST",
    headers: { authorization: `Bearer ${await iam.accessToken("issue-principal")}` },
    body: JSON.stringify({ payload: JSON.stringify(payload) }),
  });
  return ((await reply.json()) as { signedJwt: string }).signedJwt;
}

async function call(path: string, body: object, key = "?key=local-key") {
  const reply = await fetch(`http://127.0.0.1:${identity.port}${path}${key}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return { status: reply.status, body: (await reply.json()) as Record<string, never> };
}

const signIn = (token: string, key?: string) =>
  call("/v1/accounts:signInWithCustomToken", { token, returnSecureToken: true }, key);

describe("signing in", () => {
  test("a custom token becomes an ID token that Google's own verifier accepts", async () => {
    const { body } = await signIn(await customToken({ svc: "build" }));
    const certs = await fetch(
      `http://127.0.0.1:${identity.port}/robot/v1/metadata/x509/securetoken@system.gserviceaccount.com`,
    );
    const ticket = await new OAuth2Client().verifySignedJwtWithCertsAsync(
      String(body["idToken"]),
      (await certs.json()) as Record<string, string>,
      projectId,
      [`https://securetoken.google.com/${projectId}`],
    );
    expect(ticket.getPayload()).toMatchObject({
      sub: "svc:build",
      user_id: "svc:build",
      svc: "build",
      firebase: { sign_in_provider: "custom" },
    });
    expect(body["expiresIn"]).toBe("3600");
  });

  test("the emulator's path prefix of the web client works too", async () => {
    const token = await customToken({});
    const path = "/identitytoolkit.googleapis.com/v1/accounts:signInWithCustomToken";
    expect((await call(path, { token })).status).toBe(200);
  });

  test.each([["aud"], ["firebase"], ["sub"], ["user_id"], ["iss"]])(
    "the reserved claim %s is refused",
    async (name) => {
      const { status, body } = await signIn(await customToken({ [name]: "x" }));
      expect(status).toBe(400);
      expect(JSON.stringify(body)).toContain(
        `INVALID_CUSTOM_TOKEN : The claim ${name} is reserved`,
      );
    },
  );

  test("a token nobody signed is refused", async () => {
    const { status, body } = await signIn("a.b.c");
    expect(status).toBe(400);
    expect(JSON.stringify(body)).toContain("INVALID_CUSTOM_TOKEN");
  });

  test.each([
    ["a wrong key", "?key=other", 400, "API key not valid. Please pass a valid API key."],
    ["no key", "", 403, "callers without established identity"],
  ])("%s is refused in Google's words", async (_, key, status, message) => {
    const reply = await signIn(await customToken({}), key);
    expect(reply.status).toBe(status);
    expect(JSON.stringify(reply.body)).toContain(message);
  });
});

describe("a session", () => {
  test("is refreshed with its claims and its sign-in time, also after a restart", async () => {
    const { body } = await signIn(await customToken({ svc: "fail" }, "svc:fail"));
    await identity.stop();
    identity = await start();
    const reply = await fetch(`http://127.0.0.1:${identity.port}/v1/token?key=local-key`, {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "refresh_token",
        refresh_token: String(body["refreshToken"]),
      }),
    });
    const renewed = (await reply.json()) as { id_token: string; user_id: string };
    const [before, after] = await Promise.all([
      identity.verifyIdToken(String(body["idToken"])),
      identity.verifyIdToken(renewed.id_token),
    ]);
    expect(after).toMatchObject({ uid: "svc:fail", token: { svc: "fail" } });
    expect(after.token["auth_time"]).toBe(before.token["auth_time"]);
  });

  test("cannot be made up", async () => {
    const session = Buffer.from(JSON.stringify({ uid: "x", claims: {}, authTime: 1 }));
    const refreshToken = `${session.toString("base64url")}.AAAA`;
    const { status, body } = await call("/v1/token", {
      grant_type: "refresh_token",
      refresh_token: refreshToken,
    });
    expect(status).toBe(400);
    expect(JSON.stringify(body)).toContain("INVALID_REFRESH_TOKEN");
  });

  test("can be looked up", async () => {
    const { idToken } = await identity.mintUserToken("ada");
    const { body } = await call("/v1/accounts:lookup", { idToken });
    expect(body).toMatchObject({ users: [{ localId: "ada", customAuth: true }] });
  });
});

describe("verifyIdToken", () => {
  test("accepts what mintUserToken made", async () => {
    const { idToken } = await identity.mintUserToken("ada", { team: "core" });
    expect(await identity.verifyIdToken(idToken)).toMatchObject({
      uid: "ada",
      token: { team: "core", aud: projectId },
    });
  });

  test("refuses an ID token of a service account", async () => {
    const token = await iam.idToken("build", projectId);
    await expect(identity.verifyIdToken(token)).rejects.toThrow(/key is not known/);
  });
});

test.each([
  ["http://localhost:4200", true],
  ["http://demo.localhost", true],
  ["https://127.0.0.1:8080", true],
  ["https://evil.example", false],
  ["http://localhost.evil.example", false],
  ["null", false],
])("a page from %s may call: %s", async (origin, isLocal) => {
  const url = `http://127.0.0.1:${identity.port}/v1/token`;
  const headers = { origin, "access-control-request-headers": "x-client-version" };
  const preflight = await fetch(url, { method: "OPTIONS", headers });
  const answer = await fetch(url, { method: "POST", headers });
  const allowed = isLocal ? origin : null;
  expect(preflight.headers.get("access-control-allow-origin")).toBe(allowed);
  expect(answer.headers.get("access-control-allow-origin")).toBe(allowed);
  expect(preflight.headers.get("access-control-allow-headers")).toBe(
    isLocal ? "x-client-version" : null,
  );
});

test("what the stand-in does not do is refused by name", async () => {
  const { status, body } = await call("/v1/accounts:signUp", {});
  expect(status).toBe(501);
  expect(JSON.stringify(body)).toContain("accounts:signUp is not implemented");
});
