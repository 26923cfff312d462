/** Policies as gateways hear of them, from the embedded Firestore. */
import type { Firestore } from "@google-cloud/firestore";
import type { RunningFirestore } from "@bifrost/local/firestore/index";
import {
  clientFor,
  PROJECT,
  startTestFirestore,
} from "@bifrost/local/firestore/testing/firestore-fixture";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { newPolicy } from "../domain/policy-changes.ts";
import { systemTimers, type Timers } from "../domain/time.ts";
import { silentLogger } from "../ports/logger.ts";
import type { PolicyPicture } from "../ports/policy-source.ts";
import { newPolicyVersion } from "../testing/fixtures.ts";
import { connectFirestore } from "./connect-firestore.ts";
import { FirestorePolicySource } from "./firestore-policy-source.ts";

let server: RunningFirestore;
let writer: Firestore;
let reader: Firestore;

beforeEach(async () => {
  server = await startTestFirestore();
  writer = clientFor(server);
  reader = await connectFirestore(PROJECT, { host: `127.0.0.1:${server.port}`, token: "owner" });
});

afterEach(async () => {
  await Promise.all([writer.terminate(), reader.terminate()]);
  await server.stop();
});

const at = new Date("2026-01-01T00:00:00.000Z");
const LIMITS = newPolicy({ name: "limits", kind: "request", teamId: null }, at);
const ONE_LINE = { at, what: "push", version: 1, by: "ada", why: null };

function watched(timers: Timers = systemTimers) {
  const source = new FirestorePolicySource({ firestore: reader, timers, log: silentLogger });
  const pictures: PolicyPicture[] = [];
  const stop = source.watch((picture) => pictures.push(picture));
  const until = (isThere: (picture: PolicyPicture) => boolean) =>
    vi.waitFor(
      () => {
        const last = pictures.at(-1);
        if (last === undefined || !isThere(last)) throw new Error("not yet");
        return last;
      },
      { timeout: 10_000, interval: 10 },
    );
  return { pictures, stop, until };
}

test("policies and the versions that wait for a check arrive together and follow every change", async () => {
  await writer.doc("policies/limits").set({ ...LIMITS, history: [ONE_LINE] });
  await writer.doc("policies/broken").set({ name: "broken" });
  const { stop, until } = watched();
  const first = await until(() => true);
  expect([...first.policies.values()]).toEqual([{ ...LIMITS, history: [ONE_LINE] }]);
  expect(first.pending).toEqual([]);
  const version = newPolicyVersion();
  await writer.doc("policies/limits/versions/1").set(version);
  await writer.doc("deployments/d/versions/1").set(version);
  const waiting = await until(({ pending }) => pending.length > 0);
  expect(waiting.pending).toEqual([{ policy: "limits", version }]);
  await writer.doc("policies/limits/versions/1").update({ verdict: "passed" });
  await until(({ pending }) => pending.length === 0);
  await writer.doc("policies/limits").update({ activeVersion: 1 });
  await until(({ policies }) => policies.get("limits")?.activeVersion === 1);
  await writer.doc("policies/limits").delete();
  await until(({ policies }) => policies.size === 0);
  stop();
});

test("what no listener tells is found by asking", async () => {
  const due: { at: number; task: () => void }[] = [];
  const after: Timers["after"] = (delayMs, task) => {
    const entry = { at: delayMs, task };
    due.push(entry);
    return { cancel: () => void due.splice(due.indexOf(entry), 1) };
  };
  const { pictures, stop, until } = watched({ ...systemTimers, after });
  await until(() => true);
  const before = pictures.length;
  expect(due.map((entry) => entry.at)).toEqual([30_000, 30_000]);
  for (const { task } of due.splice(0)) task();
  await vi.waitFor(() => expect(pictures.length).toBe(before + 2), { timeout: 10_000 });
  await vi.waitFor(() => expect(due).toHaveLength(2), { timeout: 10_000 });
  stop();
  expect(due).toEqual([]);
});
