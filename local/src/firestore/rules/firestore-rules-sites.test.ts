/** firestore.rules: a static site is noted before it is published, by the functions that carry it and nobody else. */
import { describe, expect, test } from "vitest";
import { productRules } from "./lifecycle-world.ts";
import { type Fields, RulesWorld, service } from "./rules-world.ts";

const SITE_PATH = "sites/d";
const NOTE = { projectId: "p", probeToken: "token", isPublished: false };
const PUBLISH = { isPublished: true };

function world(site: Fields | null): RulesWorld {
  const made = new RulesWorld(productRules);
  made.put("deployments/d", { projectId: "p" });
  if (site !== null) made.put(SITE_PATH, site);
  return made;
}

describe("a static site", () => {
  test.each<[string, string, Fields, boolean]>([
    ["as deploy notes it", "deploy", {}, true],
    ["by another service", "api", {}, false],
    ["of another project than its deployment's", "deploy", { projectId: "q" }, false],
    ["without a token for probes", "deploy", { probeToken: null }, false],
    ["that is published from the start", "deploy", PUBLISH, false],
    ["with a field nobody knows", "deploy", { owner: "ada" }, false],
  ])("%s is noted by %s: %o → %s", (_, name, change, isAllowed) => {
    const write = { set: SITE_PATH, fields: { ...NOTE, ...change } };
    expect(world(null).commit(service(name), [write]).allowed).toBe(isAllowed);
  });

  test.each<[string, string, Fields, boolean]>([
    ["by deploy", "deploy", PUBLISH, true],
    ["by another service", "verify", PUBLISH, false],
    ["with another token", "deploy", { ...PUBLISH, probeToken: "other" }, false],
  ])("is published %s (%s): %o → %s", (_, name, fields, isAllowed) => {
    const writes = [{ merge: SITE_PATH, fields }];
    expect(world(NOTE).commit(service(name), writes).allowed).toBe(isAllowed);
  });

  test("is not taken back once it is published", () => {
    const writes = [{ merge: SITE_PATH, fields: { isPublished: false } }];
    expect(world({ ...NOTE, ...PUBLISH }).commit(service("deploy"), writes).allowed).toBe(false);
  });

  test.each([
    ["deploy", true],
    ["fail", true],
    ["reap", true],
    ["api", false],
  ])("is deleted by %s → %s", (name, isAllowed) => {
    expect(world(NOTE).commit(service(name), [{ delete: SITE_PATH }]).allowed).toBe(isAllowed);
  });

  test.each([
    ["any service", service("gateway"), true],
    ["a person", { uid: "ada", token: {} }, false],
  ])("is read by %s", (_, who, isAllowed) => {
    expect(world(NOTE).get(who, SITE_PATH)).toBe(isAllowed);
  });
});
