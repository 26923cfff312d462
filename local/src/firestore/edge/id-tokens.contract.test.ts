import { buildFirebaseVerifier } from "@bifrost/shared/cloud/firebase-verifier";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { loadSigningKey } from "../../iam/signing-key.ts";
import { startFirestore, type RunningFirestore } from "../index.ts";
import type { RulesRequest } from "../rules/rules.ts";
import { fakeRules, PROJECT } from "../testing/firestore-fixture.ts";
import { FORGERIES, type Forge, tokenWith } from "../testing/forged-tokens.ts";
import { TRANSPORTS } from "../testing/transports.ts";

const OWNER_TOKEN = "a-secret-of-this-start";
let server: RunningFirestore;
let forge: Forge;
let asked: RulesRequest[] = [];

/** Everybody may do everything: what is refused here, its token refused. */
function allow(request: RulesRequest): boolean {
  asked.push(request);
  return true;
}

beforeAll(async () => {
  const [key, foreign] = await Promise.all([loadSigningKey(undefined), loadSigningKey(undefined)]);
  forge = { key, foreign, projectId: PROJECT, nowSeconds: Math.floor(Date.now() / 1000) };
  server = await startFirestore({
    projectId: PROJECT,
    timers: systemTimers,
    log: silentLogger,
    rules: fakeRules(allow),
    ownerToken: OWNER_TOKEN,
    verifyIdToken: buildFirebaseVerifier({
      projectId: PROJECT,
      issuer: "https://securetoken.google.com",
      keys: (keyId) => (keyId === key.keyId ? key.publicKey : undefined),
      clock: systemTimers,
    }),
  });
});
afterAll(() => server.stop());
beforeEach(() => {
  asked = [];
});

describe.each(Object.entries(TRANSPORTS))("over %s", (_name, ask) => {
  test.each(Object.keys(FORGERIES))("a token with %s is refused", async (name) => {
    const token = FORGERIES[name]?.(forge) ?? "";
    expect(await ask(server.port, `Bearer ${token}`)).toBe("UNAUTHENTICATED");
    expect(asked).toEqual([]);
  });

  test("a real token is its user's, and no token is nobody's", async () => {
    expect(await ask(server.port, `Bearer ${tokenWith(forge)}`)).toBe("OK");
    expect(await ask(server.port)).toBe("OK");
    const users = new Set(asked.map(({ auth }) => auth?.uid ?? null));
    expect([...users]).toEqual(NEEDS_NO_RULES.has(_name) ? [] : ["ada", null]);
  });

  test("the administrator has one token, and `owner` is not it", async () => {
    expect(await ask(server.port, "Bearer owner")).toBe("UNAUTHENTICATED");
    expect(await ask(server.port, `Bearer ${OWNER_TOKEN}x`)).toBe("UNAUTHENTICATED");
    expect(await ask(server.port, `Bearer ${OWNER_TOKEN.slice(0, -1)}`)).toBe("UNAUTHENTICATED");
    expect(await ask(server.port, `Bearer ${OWNER_TOKEN.toUpperCase()}`)).toBe("UNAUTHENTICATED");
    expect(asked).toEqual([]);
    expect(await ask(server.port, `Bearer ${OWNER_TOKEN}`)).toBe("OK");
    expect(asked).toEqual([]);
  });

  test.each([
    "Bearer",
    `Basic ${Buffer.from(`owner:${OWNER_TOKEN}`).toString("base64")}`,
    OWNER_TOKEN,
    `Bearer ${OWNER_TOKEN} ${OWNER_TOKEN}`,
    `Bearer ${OWNER_TOKEN}, Bearer ${OWNER_TOKEN}`,
  ])("%j is neither a token nor nobody's", async (authorization) => {
    expect(await ask(server.port, authorization)).toBe("UNAUTHENTICATED");
    expect(asked).toEqual([]);
  });
});

/** Its handshake touches no document. */
const NEEDS_NO_RULES = new Set(["gRPC Write", "WebChannel Write"]);
