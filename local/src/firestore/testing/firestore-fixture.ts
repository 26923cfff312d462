/** What the tests of the embedded Firestore share: a server with fake rules, and real clients for it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemTimers } from "@bifrost/shared/domain/time";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { Firestore } from "@google-cloud/firestore";
import { startFirestore, type FirestoreOptions, type RunningFirestore } from "../index.ts";
import type { Rules, RulesRequest } from "../rules/rules.ts";

export const PROJECT = "bifrost-local";
export const ROOT = `projects/${PROJECT}/databases/(default)/documents`;

const OWNER_TOKEN = "owner";

/** Rules from one predicate. */
export function fakeRules(allows: (request: RulesRequest) => boolean): Rules {
  return { check: (request) => ({ allowed: allows(request), reason: "fake rules" }) };
}

/** What a request is about: the name of a document, or of the collection that is listed, with a slash behind it. */
export function placeOf({ name, query }: RulesRequest): string {
  return query === undefined ? name : `${name}/${query.collectionId}/`;
}

/** Accepts the tokens `user-<uid>`. */
export async function verifyFakeToken(
  token: string,
): Promise<{ uid: string; token: Record<string, unknown> }> {
  const uid = /^user-(.+)$/.exec(token)?.[1];
  if (uid === undefined) throw new Error("not a test token");
  return { uid, token: { sub: uid, exp: Date.now() / 1000 + 3600 } };
}

export function startTestFirestore(
  options: Partial<FirestoreOptions> = {},
): Promise<RunningFirestore> {
  return startFirestore({
    projectId: PROJECT,
    timers: systemTimers,
    log: silentLogger,
    rules: fakeRules(() => true),
    verifyIdToken: verifyFakeToken,
    ownerToken: OWNER_TOKEN,
    ...options,
  });
}

/** The unmodified client; without a uid it is the administrator. */
export function clientFor({ port }: RunningFirestore, uid?: string): Firestore {
  const settings = { projectId: PROJECT, host: `127.0.0.1:${port}`, ssl: false };
  const authorization = uid === undefined ? `Bearer ${OWNER_TOKEN}` : `Bearer user-${uid}`;
  return new Firestore({ ...settings, customHeaders: { Authorization: authorization } });
}

export function temporaryDirectory(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "bifrost-firestore-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Polls until the condition holds; fails after thirty seconds, as on a busy machine all takes its time, or after what is given. */
export async function until(
  condition: () => boolean,
  what: string,
  timeoutMs = 30_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`timed out waiting until ${what}`);
    await systemTimers.sleep(5);
  }
}
