import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BifrostError, ERROR_KINDS, type ErrorCode } from "@bifrost/shared/domain/errors";
import { readCredentials, readEnvironment } from "./config.ts";
import { EXIT, exitCodeOf } from "./exit-code.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "bifrost-cli-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function credentials(text: string | null, more: Record<string, string> = {}) {
  const file = path.join(folder, "credentials.json");
  rmSync(file, { force: true });
  if (text !== null) writeFileSync(file, text);
  return readCredentials(readEnvironment({ BIFROST_CREDENTIALS: file, ...more }));
}

describe("credentials", () => {
  it("come from their file", () => {
    const written = { apiUrl: "http://127.0.0.1:1/api/v1", apiKey: "bfk_x" };
    expect(credentials(JSON.stringify(written))).toEqual(written);
  });

  it("come from the environment before any file, when both halves are set", () => {
    const set = { BIFROST_API_URL: "http://api.test/v1/", BIFROST_API_KEY: "k" };
    expect(credentials(null, set)).toEqual({ apiUrl: "http://api.test/v1", apiKey: "k" });
    expect(() => credentials(null, { BIFROST_API_KEY: "k" })).toThrow("not signed in");
  });

  it.each<[string, string | null]>([
    ["is missing", null],
    ["is empty", ""],
    ["is no JSON", "{"],
    ["lacks the key", '{"apiUrl":"http://x/"}'],
    ["has an empty key", '{"apiUrl":"http://x/","apiKey":""}'],
    ["has no address", '{"apiUrl":"here","apiKey":"secret-key"}'],
  ])("of a file that %s are an error that says what to do and shows no secret", (_, text) => {
    expect(() => credentials(text)).toThrow(
      expect.objectContaining({
        code: "unauthenticated",
        message: expect.stringMatching(/^(?!.*secret-key).*start/),
      }),
    );
  });
});

describe("exit codes", () => {
  it.each<[ErrorCode, number]>([
    ["bad-request", EXIT.usage],
    ["not-found", EXIT.notFound],
    ["unauthenticated", EXIT.auth],
    ["permission-denied", EXIT.auth],
    ["config-invalid", EXIT.configInvalid],
    ["illegal-move", EXIT.conflict],
    ["no-image", EXIT.conflict],
    ["upstream-unavailable", EXIT.error],
  ])("tell %s", (code, exit) => {
    expect(exitCodeOf(new BifrostError(code, ""))).toBe(exit);
  });

  it("are never success for an error", () => {
    for (const code of Object.keys(ERROR_KINDS) as ErrorCode[]) {
      expect(exitCodeOf(new BifrostError(code, ""))).toBeGreaterThan(0);
    }
    expect(exitCodeOf(new Error("x"))).toBe(EXIT.error);
  });
});
