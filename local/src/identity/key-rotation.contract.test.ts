import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  buildFirebaseVerifier,
  type FirebaseVerifier,
  publishedKeys,
} from "@bifrost/shared/cloud/firebase-verifier";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { VirtualTimers } from "../workflows/testing/virtual-timers.ts";
import { ROTATION_MS } from "./key-ring.ts";
import { startIdentity, type RunningIdentity } from "./index.ts";
import { ID_TOKEN_KEYS_PATH } from "./published-keys.ts";

/** The tests wait for what must happen; how long it takes says nothing on a busy machine. */
const SOON = { timeout: 20_000, interval: 20 };

const HOUR_MS = 3_600_000;
const projectId = "bifrost-local";
let dataDir: string;
let timers: VirtualTimers;
let identity: RunningIdentity;
async function forward(target: string): Promise<string> {
  return (await fetch(`http://127.0.0.1:${identity.port}${target}`)).text();
}

/** Stands between verifier and issuer and counts. */
let fetches = 0;
const front = createServer((request, response) => {
  fetches += 1;
  void forward(request.url ?? "").then((text) => response.end(text));
});

async function start(): Promise<RunningIdentity> {
  return startIdentity({
    projectId,
    timers,
    log: silentLogger,
    dataDir,
    apiKey: "key",
    verifyCustomToken: () => Promise.reject(new Error("unused")),
  });
}

/** As a function of another process verifies. */
function remoteVerifier(cooldownMs: number, maxAgeMs: number): FirebaseVerifier {
  const { port } = front.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}${ID_TOKEN_KEYS_PATH}`;
  return buildFirebaseVerifier({
    projectId,
    issuer: "https://securetoken.google.com",
    keys: publishedKeys({ url, cooldownMs, maxAgeMs }),
    clock: timers,
  });
}

const refused = { code: "unauthenticated" };
const keyIdOf = (token: string): string =>
  JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()).kid as string;

beforeEach(async () => {
  dataDir = mkdtempSync(path.join(tmpdir(), "bifrost-keys-"));
  timers = new VirtualTimers();
  fetches = 0;
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
  identity = await start();
});
afterEach(async () => {
  await identity.stop();
  front.closeAllConnections();
  await new Promise((resolve) => front.close(resolve));
  rmSync(dataDir, { recursive: true });
});

test("a start after two weeks makes a new key; the old one's tokens are good until they expire", async () => {
  timers.pass(ROTATION_MS - 1);
  const old = await identity.mintUserToken("ada");
  const remote = remoteVerifier(0, HOUR_MS);
  await remote(old.idToken);
  await identity.stop();
  timers.pass(1);
  identity = await start();
  const fresh = await identity.mintUserToken("ada");
  expect(keyIdOf(fresh.idToken)).not.toBe(keyIdOf(old.idToken));
  for (const verify of [identity.verifyIdToken, remote]) {
    expect(await verify(old.idToken)).toMatchObject({ uid: "ada" });
    expect(await verify(fresh.idToken)).toMatchObject({ uid: "ada" });
  }
  expect(fetches).toBe(2); // the new key's id was unknown
  timers.pass(HOUR_MS);
  await expect(identity.verifyIdToken(old.idToken)).rejects.toMatchObject(refused);
});

test("a running server makes its new key by itself, and nobody has to sign in again", async () => {
  const { idToken, refreshToken } = await identity.mintUserToken("ada", { team: "core" });
  timers.pass(ROTATION_MS);
  await vi.waitFor(async () => {
    const { idToken: later } = await identity.mintUserToken("ada");
    expect(keyIdOf(later)).not.toBe(keyIdOf(idToken));
  }, SOON);
  const reply = await fetch(`http://127.0.0.1:${identity.port}/v1/token?key=key`, {
    method: "POST",
    body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: refreshToken }),
  });
  const { id_token: renewed } = (await reply.json()) as { id_token: string };
  expect(await identity.verifyIdToken(renewed)).toMatchObject({ token: { team: "core" } });
});

test("a key that is gone is believed no more, at the issuer at once and elsewhere within the cache's age", async () => {
  const remote = remoteVerifier(0, 0);
  timers.pass(ROTATION_MS - 1);
  const { idToken } = await identity.mintUserToken("ada");
  expect(await remote(idToken)).toMatchObject({ uid: "ada" });
  await identity.stop();
  for (const file of readdirSync(path.join(dataDir, "keys"))) {
    rmSync(path.join(dataDir, "keys", file));
  }
  identity = await start();
  await expect(identity.verifyIdToken(idToken)).rejects.toThrow(/key is not known/);
  await expect(remote(idToken)).rejects.toThrow(/key is not known/);
});

test("keys and the refresh secret are their owner's only, and old keys leave the disk", async () => {
  const keys = path.join(dataDir, "keys");
  const [first] = readdirSync(keys);
  timers.pass(ROTATION_MS);
  await vi.waitFor(() => expect(readdirSync(keys)).toHaveLength(2), SOON);
  for (const file of [
    ...readdirSync(keys).map((name) => path.join("keys", name)),
    "refresh-secret",
  ]) {
    expect([file, statSync(path.join(dataDir, file)).mode & 0o777]).toEqual([file, 0o600]);
  }
  await identity.stop();
  timers.pass(24 * HOUR_MS);
  identity = await start();
  expect(readdirSync(keys)).toHaveLength(1);
  expect(readdirSync(keys)).not.toContain(first);
});

test("forged key ids are asked for once, not once each", async () => {
  const verify = remoteVerifier(HOUR_MS, HOUR_MS);
  const { idToken } = await identity.mintUserToken("ada");
  await verify(idToken);
  const [, claims, signature] = idToken.split(".");
  const attempts = Array.from({ length: 100 }, (_, index) => {
    const head = Buffer.from(JSON.stringify({ alg: "RS256", kid: `forged-${index}` }));
    return verify(`${head.toString("base64url")}.${claims}.${signature}`);
  });
  const outcomes = await Promise.allSettled(attempts);
  expect(outcomes.filter(({ status }) => status === "rejected")).toHaveLength(100);
  expect(fetches).toBe(1);
  expect(await verify(idToken)).toMatchObject({ uid: "ada" });
});

test("an issuer that does not answer is no verdict on the token", async () => {
  const verify = remoteVerifier(0, 0);
  const { idToken } = await identity.mintUserToken("ada");
  front.closeAllConnections();
  await new Promise((resolve) => front.close(resolve));
  await expect(verify(idToken)).rejects.toMatchObject({ code: "upstream-unavailable" });
  await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
});
