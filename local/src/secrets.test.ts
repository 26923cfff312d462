import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
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

test("what makes an administrator of store or gateway is another token at each start; the rest stays", () => {
  const { firestoreOwnerToken: first, controlToken: firstControl, ...kept } = loadSecrets(home);
  const { firestoreOwnerToken: second, controlToken: secondControl, ...again } = loadSecrets(home);
  expect(again).toEqual(kept);
  expect(second).not.toBe(first);
  expect(secondControl).not.toBe(firstControl);
  expect(readFileSync(fileOf(), "utf8")).not.toContain(first);
  for (const token of [first, second, firstControl, secondControl]) {
    expect(Buffer.from(token, "base64url").length * 8).toBeGreaterThanOrEqual(256);
  }
});

test("the file is its owner's only, also when it was not before", () => {
  loadSecrets(home);
  chmodSync(fileOf(), 0o644);
  loadSecrets(home);
  expect(statSync(fileOf()).mode & 0o777).toBe(0o600);
});
