import { assert, property, string } from "fast-check";
import { expect, test } from "vitest";
import { projectOfToken, providerToken } from "./provider-token.ts";

const SECRET = "a-secret-of-enough-length";

test("a token names its project to whoever knows the secret", () => {
  assert(
    property(string({ minLength: 1, maxLength: 128 }), (projectId) => {
      expect(projectOfToken(SECRET, providerToken(SECRET, projectId))).toBe(projectId);
    }),
  );
});

test.each([
  ["made with another secret", providerToken("another-secret-of-length", "p1")],
  ["of another project", providerToken(SECRET, "p1").replace("p1", "p2")],
  ["cut short", providerToken(SECRET, "p1").slice(0, -1)],
  ["without a project", providerToken(SECRET, "").slice(0)],
  ["without a signature", "p1."],
  ["empty", ""],
  ["very long", `${"p".repeat(10_000)}.00`],
])("a token %s is nobody's", (_how, token) => {
  expect(projectOfToken(SECRET, token)).toBeNull();
});
