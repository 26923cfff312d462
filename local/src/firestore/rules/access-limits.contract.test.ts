/** How many documents the rules may read for the requests of real clients. */
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import type { Firestore } from "@google-cloud/firestore";
import type { RunningFirestore } from "../index.ts";
import { clientFor, startTestFirestore } from "../testing/firestore-fixture.ts";
import { compileRules } from "./compile.ts";

// The client looks for Google's metadata server even when it has no use for it, and warns.
vi.stubEnv("METADATA_SERVER_DETECTION", "none");

/** `/docs/{n}-{id}` reads n documents of its own. */
const reads = Array.from(
  { length: 11 },
  (_, index) =>
    `(int(id.split('-')[0]) <= ${index} || !exists(/databases/$(database)/documents/other/$(id + '-${index}')))`,
);
const RULES = `rules_version = '2';
service cloud.firestore {
  match /databases/{database}/documents {
    match /docs/{id} { allow read, write: if ${reads.join("\n && ")}; }
  }
}`;

let server: RunningFirestore;
let ada: Firestore;

beforeAll(async () => {
  server = await startTestFirestore({ rules: compileRules(RULES) });
  ada = clientFor(server, "ada");
});
afterAll(async () => {
  await ada.terminate();
  await server.stop();
});

function doc(reading: number, id = "a") {
  return ada.doc(`docs/${reading}-${id}`);
}

function batch(...sizes: readonly number[]) {
  const writes = ada.batch();
  for (const [index, size] of sizes.entries()) writes.set(doc(size, `w${index}`), {});
  return writes.commit();
}

function transaction(...sizes: readonly number[]) {
  return ada.runTransaction((writes) => {
    for (const [index, size] of sizes.entries()) writes.set(doc(size, `t${index}`), {});
    return Promise.resolve("done");
  });
}

const DENIED = { code: 7 };

test("ten for one document", async () => {
  await expect(doc(10).get()).resolves.toMatchObject({ exists: false });
  await expect(doc(11).get()).rejects.toMatchObject(DENIED);
  await expect(doc(10).set({})).resolves.toBeDefined();
  await expect(doc(11).set({})).rejects.toMatchObject(DENIED);
});

test("twenty for a read of several documents", async () => {
  await expect(ada.getAll(doc(10, "a"), doc(10, "b"))).resolves.toHaveLength(2);
  await expect(ada.getAll(doc(10, "a"), doc(10, "b"), doc(1, "c"))).rejects.toMatchObject(DENIED);
  await expect(ada.getAll(doc(1, "a"), doc(11, "b"))).rejects.toMatchObject(DENIED);
});

test("twenty for a batched write, and ten for each of its documents", async () => {
  await expect(batch(2, 2, 2)).resolves.toHaveLength(3);
  await expect(batch(10, 10)).resolves.toHaveLength(2);
  await expect(batch(10, 10, 1)).rejects.toMatchObject(DENIED);
  await expect(batch(1, 11)).rejects.toMatchObject(DENIED);
});

test("twenty for the writes of a transaction", async () => {
  await expect(transaction(10, 10)).resolves.toBe("done");
  await expect(transaction(10, 10, 1)).rejects.toMatchObject(DENIED);
});
