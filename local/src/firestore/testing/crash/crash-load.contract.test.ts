import type { Firestore } from "@google-cloud/firestore";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { RunningFirestore } from "../../index.ts";
import { clientFor, fakeRules, startTestFirestore, until } from "../firestore-fixture.ts";
import { CrashLoad } from "./crash-load.ts";

const WRITERS = 8;

/** Refuses Ada everything. */
let server: RunningFirestore;
let ada: Firestore;

beforeEach(async () => {
  server = await startTestFirestore({ rules: fakeRules(() => false) });
  ada = clientFor(server, "ada");
});
afterEach(async () => {
  await everyWriterIsRefused();
  await ada.terminate();
  await server.stop();
});

function everyWriterIsRefused(): Promise<void> {
  return until(() => {
    const { deniedWrites, deniedReads } = server.info();
    return Number(deniedWrites) + Number(deniedReads) >= WRITERS;
  }, "every writer is refused");
}

const never = new Promise<void>(() => undefined);

test("a write that is refused although nobody killed the server is told", async () => {
  const run = new CrashLoad().run(ada, { isKilled: false, gone: never }, () => undefined);
  await expect(run).rejects.toMatchObject({ code: 7 });
});

test("a server that ends although nobody killed it is told", async () => {
  const gone = Promise.resolve();
  const run = new CrashLoad().run(ada, { isKilled: false, gone }, () => undefined);
  await expect(run).rejects.toThrow("nobody killed it");
});

test("what is refused after the kill is not held against the server, however late its process ends", async () => {
  const gone = everyWriterIsRefused();
  const run = new CrashLoad().run(ada, { isKilled: true, gone }, () => undefined);
  await expect(run).resolves.toBeUndefined();
});
