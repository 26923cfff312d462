/** Sources of policies in the Cloud Storage stand-in, by the real client. */
import { type RunningStorage, startStorage } from "@bifrost/local/storage/index";
import { storageObjectStore } from "@bifrost/shared/cloud/storage-object-store";
import { MAX_POLICY_SOURCE_BYTES } from "@bifrost/shared/domain/policy";
import { systemTimers } from "@bifrost/shared/domain/time";
import type { ObjectStore } from "@bifrost/shared/ports/object-store";
import { silentLogger } from "@bifrost/shared/ports/logger";
import { newPolicyVersion } from "@bifrost/shared/testing/fixtures";
import { createHash } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ScriptLoader } from "./script-loader.ts";

const BUCKET = "policies";

let storage: RunningStorage;
let objects: ObjectStore;
beforeAll(async () => {
  storage = await startStorage({ port: 0, timers: systemTimers, log: silentLogger });
  await storage.ensureBucket(BUCKET);
  const endpoint = `http://127.0.0.1:${storage.port}`;
  objects = await storageObjectStore({ projectId: "p", endpoint });
});
afterAll(() => storage.stop());

function put(name: string, text: string) {
  return objects.put(BUCKET, name, new Blob([text]).stream());
}

const text = async (name: string): Promise<string | null> => {
  const bytes = await objects.read(BUCKET, name, 1000);
  return bytes === null ? null : new TextDecoder().decode(bytes);
};

/** Loads a version that is stored like this. */
function load(stored: { object: string; testObject: string | null; of: readonly unknown[] }) {
  const hash = createHash("sha256").update(JSON.stringify(stored.of)).digest("hex");
  const { object, testObject } = stored;
  const value = newPolicyVersion({ hash, object, testObject });
  const store = { readVersion: async () => ({ value, version: "1" }) };
  const loader = new ScriptLoader({ store, objects: async () => objects, bucket: BUCKET });
  return loader.load("limits", "request", 1);
}

test("source and tests are loaded as they were stored", async () => {
  const source = "-- grüße ✓\n";
  await put("a.lua", source);
  await put("a_test.lua", "");
  const found = await load({ object: "a.lua", testObject: "a_test.lua", of: [source, ""] });
  const script = { name: "limits", kind: "request", version: 1, source };
  expect(found).toEqual({ script, test: "" });
  const alone = await load({ object: "a.lua", testObject: null, of: [source, null] });
  expect(alone.test).toBeNull();
});

test("what is missing, changed or too large is not loaded", async () => {
  await put("b.lua", "-- b");
  await put("large.lua", "x".repeat(MAX_POLICY_SOURCE_BYTES + 1));
  const of = ["-- b", null];
  const cases = [
    ["no-such.lua", null, "not-found"],
    ["a.lua", null, "data-corrupt"],
    ["b.lua", "b.lua", "data-corrupt"],
    ["large.lua", null, "body-too-large"],
  ] as const;
  for (const [object, testObject, code] of cases)
    await expect(load({ object, testObject, of })).rejects.toMatchObject({ code });
  expect((await load({ object: "b.lua", testObject: null, of })).script.source).toBe("-- b");
});

test("a source of just the allowed size is loaded", async () => {
  const source = "x".repeat(MAX_POLICY_SOURCE_BYTES);
  await put("full.lua", source);
  const found = await load({ object: "full.lua", testObject: null, of: [source, null] });
  expect(found.script.source).toBe(source);
});

test("of several who store one object at once all succeed, and one content stays", async () => {
  const writers = ["one", "two", "three", "four"];
  await Promise.all(writers.map((content) => put("race.lua", content)));
  const first = await text("race.lua");
  expect(writers).toContain(first);
  await put("race.lua", "later");
  expect(await text("race.lua")).toBe(first);
});
