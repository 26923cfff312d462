import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GoogleAuth, OAuth2Client } from "google-auth-library";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { CUSTOM_TOKEN_AUDIENCE } from "./account-keys.ts";
import { startIam } from "./index.ts";
import type { RunningIam } from "./index.ts";

let dataDir: string;
let iam: RunningIam;
const base = { projectId: "bifrost-local", timers: systemTimers, log: silentLogger };
const email = (service: string) => `${service}@bifrost-local.iam.gserviceaccount.com`;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "iam-"));
  iam = await startIam({ ...base, dataDir, defaultService: "validate" });
});
afterAll(async () => {
  await iam.stop();
  await rm(dataDir, { recursive: true });
});

function googleVerifier(): OAuth2Client {
  return new OAuth2Client({
    issuers: [iam.issuer],
    endpoints: {
      oauth2FederatedSignonPemCertsUrl: `${iam.issuer}/oauth2/v1/certs`,
      oauth2FederatedSignonJwkCertsUrl: `${iam.issuer}/oauth2/v3/certs`,
    },
  });
}

function fromMetadata(service: string, path: string, headers = { "Metadata-Flavor": "Google" }) {
  const account = "computeMetadata/v1/instance/service-accounts/default";
  return fetch(`${iam.issuer}/metadata/${service}/${account}/${path}`, { headers });
}

async function signAs(service: string, account: string, payload: object): Promise<Response> {
  return fetch(`${iam.issuer}/v1/projects/-/serviceAccounts/${email(account)}:signJwt`, {
    method: "POST",
    headers: { authorization: `Bearer ${await iam.accessToken(service)}` },
    body: JSON.stringify({ payload: JSON.stringify(payload) }),
  });
}

function customToken(over: object = {}): object {
  const now = Math.floor(Date.now() / 1000);
  const signer = email("issue-principal");
  return {
    iss: signer,
    sub: signer,
    aud: CUSTOM_TOKEN_AUDIENCE,
    iat: now,
    exp: now + 3600,
    uid: "svc:validate",
    claims: { svc: "validate" },
    ...over,
  };
}

describe("ID tokens", () => {
  test("Google's own verifier accepts a token of the metadata server", async () => {
    const reply = await fromMetadata("build", "identity?audience=http://fn/build&format=full");
    const ticket = await googleVerifier().verifyIdToken({
      idToken: await reply.text(),
      audience: "http://fn/build",
    });
    expect(ticket.getPayload()).toMatchObject({
      iss: iam.issuer,
      email: email("build"),
      email_verified: true,
    });
  });

  test("Google's own verifier refuses a token for another audience", async () => {
    const idToken = await iam.idToken("build", "http://fn/deploy");
    await expect(
      googleVerifier().verifyIdToken({ idToken, audience: "http://fn/build" }),
    ).rejects.toThrow(/audience/);
  });

  test("the default credentials of Google's client work against the metadata server", async () => {
    vi.stubEnv("GCE_METADATA_HOST", `127.0.0.1:${iam.port}`);
    vi.stubEnv("METADATA_SERVER_DETECTION", "assume-present");
    const client = await new GoogleAuth().getIdTokenClient("http://fn/validate");
    const headers = await client.getRequestHeaders("http://fn/validate");
    const token = String(headers.get("authorization")).replace("Bearer ", "");
    const claims = await iam.verifyIdToken(token, "http://fn/validate");
    expect(claims["email"]).toBe(email("validate"));
    vi.unstubAllEnvs();
  });

  test("a token stays the same until it nears its end", async () => {
    expect(await iam.idToken("fail", "a")).toBe(await iam.idToken(email("fail"), "a"));
  });

  test("unknown services have no identity", async () => {
    await expect(iam.idToken("intruder", "a")).rejects.toThrow(/no service account intruder/);
    expect((await fromMetadata("intruder", "identity?audience=a")).status).toBe(404);
  });

  test.each([
    ["without the Metadata-Flavor header", "email", {}, 403],
    ["for an identity without audience", "identity", { "Metadata-Flavor": "Google" }, 400],
    ["for an unknown leaf", "attestation", { "Metadata-Flavor": "Google" }, 501],
  ])("the metadata server refuses a request %s", async (_, path, headers, status) => {
    expect((await fromMetadata("build", path, headers as never)).status).toBe(status);
  });
});

describe("signJwt", () => {
  test("the signer signs as itself and the custom token verifies", async () => {
    const reply = await signAs("issue-principal", "issue-principal", customToken());
    expect(reply.status).toBe(200);
    const { signedJwt } = (await reply.json()) as { signedJwt: string };
    expect(await iam.verifyCustomToken(signedJwt)).toEqual({
      uid: "svc:validate",
      claims: { svc: "validate" },
      signedBy: email("issue-principal"),
    });
  });

  test.each([
    ["sign as another account", "validate", "issue-principal"],
    ["sign as itself without the right to", "validate", "validate"],
    ["have the signer sign as someone else", "issue-principal", "validate"],
  ])("nobody may %s", async (_, caller, account) => {
    expect((await signAs(caller, account, customToken())).status).toBe(403);
  });

  test("an ID token is no access token", async () => {
    const token = await iam.idToken("issue-principal", "x");
    const url = `${iam.issuer}/v1/projects/-/serviceAccounts/${email("issue-principal")}:signJwt`;
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(url, { method: "POST", headers, body: "{}" })).status).toBe(401);
  });

  test("a custom token that was tampered with is refused", async () => {
    const reply = await signAs("issue-principal", "issue-principal", customToken());
    const { signedJwt } = (await reply.json()) as { signedJwt: string };
    const [head, , signature] = signedJwt.split(".");
    const forged = Buffer.from(JSON.stringify(customToken({ uid: "svc:deploy" })));
    const token = `${head}.${forged.toString("base64url")}.${signature}`;
    await expect(iam.verifyCustomToken(token)).rejects.toThrow(/signature is wrong/);
  });

  test("an ID token of the signer is no custom token", async () => {
    const token = await iam.idToken("issue-principal", CUSTOM_TOKEN_AUDIENCE);
    await expect(iam.verifyCustomToken(token)).rejects.toThrow(/may not sign/);
  });
});

test("keys are private files and tokens outlive a restart", async () => {
  const idToken = await iam.idToken("api", "a");
  const access = await iam.accessToken("api");
  expect((await stat(join(dataDir, "issuer.pem"))).mode & 0o777).toBe(0o600);
  const { port } = iam;
  await iam.stop();
  iam = await startIam({ ...base, dataDir, port, defaultService: "validate" });
  expect((await iam.verifyIdToken(idToken, "a"))["email"]).toBe(email("api"));
  expect(iam.accountOf(access)).toBe(email("api"));
  expect(iam.accountOf(`${access}x`)).toBeUndefined();
});

test("what the stand-in does not do is refused by name", async () => {
  const reply = await fetch(`${iam.issuer}/v1/projects/-/serviceAccounts/x:generateAccessToken`);
  expect(reply.status).toBe(501);
  expect(await reply.text()).toContain("generateAccessToken is not implemented");
});
