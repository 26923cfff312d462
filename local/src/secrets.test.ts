import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { loadSecrets } from "./secrets.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), "bifrost-secrets-"));
});
afterEach(() => rmSync(home, { recursive: true }));

const fileOf = (): string => path.join(home, "secrets.json");

test("the administrator of the store has another token at each start, in no file; the rest stays", () => {
  const { firestoreOwnerToken: first, ...kept } = loadSecrets(home);
  const { firestoreOwnerToken: second, ...again } = loadSecrets(home);
  expect(again).toEqual(kept);
  expect(second).not.toBe(first);
  for (const token of [first, second]) {
    expect(Buffer.from(token, "base64url").length * 8).toBeGreaterThanOrEqual(256);
    expect(readFileSync(fileOf(), "utf8")).not.toContain(token);
  }
});

test("the file is its owner's only", () => {
  loadSecrets(home);
  expect(statSync(fileOf()).mode & 0o777).toBe(0o600);
});
