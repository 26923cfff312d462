/** firestore.rules: a host stays with its project, and a domain is verified only together with its route. */
import { describe, expect, test } from "vitest";
import { OLD, productRules } from "./lifecycle-world.ts";
import { NOW, RulesWorld, service, type Fields } from "./rules-world.ts";

const API = service("api");
const HOST = "shop.example";
const ROUTE_PATH = `routes/${HOST}`;
const CLAIM_PATH = `domains/${HOST}~p`;
const ROUTE = { host: HOST, projectId: "p", targets: [] };
const CLAIM = { domain: HOST, projectId: "p", token: "t", verifiedAt: null, createdAt: OLD };

function world(documents: Readonly<Record<string, Fields>> = {}): RulesWorld {
  const made = new RulesWorld(productRules);
  for (const [path, fields] of Object.entries(documents)) made.put(path, fields);
  return made;
}

describe("a route", () => {
  test.each<[string, Fields, boolean]>([
    ["with new targets", { targets: [{ deploymentId: "d", weight: 1 }] }, true],
    [
      "with all that a route has",
      { stickiness: {}, redirect: null, paths: [], policies: [] },
      true,
    ],
    ["of another project", { projectId: "q" }, false],
    ["under another host", { host: "other.example" }, false],
    ["whose targets are no list", { targets: "live" }, false],
    ["with a field nobody knows", { owner: "ada" }, false],
  ])("%s is taken over: %o → %s", (_, change, isAllowed) => {
    const stored = world({ [ROUTE_PATH]: ROUTE });
    expect(stored.commit(API, [{ merge: ROUTE_PATH, fields: change }]).allowed).toBe(isAllowed);
  });
});

describe("a claim of a domain", () => {
  test.each<[string, string, Fields, boolean]>([
    ["as the API writes it", CLAIM_PATH, {}, true],
    ["of another project than its name says", `domains/${HOST}~q`, {}, false],
    ["of another domain than its name says", "domains/other.example~p", {}, false],
    ["that is verified from the start", CLAIM_PATH, { verifiedAt: NOW }, false],
    ["with a time of its own", CLAIM_PATH, { createdAt: OLD }, false],
    ["without a token", CLAIM_PATH, { token: null }, false],
    ["with a field nobody knows", CLAIM_PATH, { teamId: "t" }, false],
  ])("%s is created at %s: %o → %s", (_, path, change, isAllowed) => {
    const fields = { ...CLAIM, createdAt: NOW, ...change };
    expect(world().commit(API, [{ set: path, fields }]).allowed).toBe(isAllowed);
  });

  const verify = { merge: CLAIM_PATH, fields: { verifiedAt: NOW } };

  test.each<
    [string, Readonly<Record<string, Fields>>, Parameters<RulesWorld["commit"]>[1], boolean]
  >([
    ["with its route", {}, [verify, { set: ROUTE_PATH, fields: ROUTE }], true],
    ["when the route is its project's already", { [ROUTE_PATH]: ROUTE }, [verify], true],
    ["without a route", {}, [verify], false],
    [
      "when the route is another project's",
      { [ROUTE_PATH]: { ...ROUTE, projectId: "q" } },
      [verify],
      false,
    ],
    [
      "while it takes the route from another project",
      { [ROUTE_PATH]: { ...ROUTE, projectId: "q" } },
      [verify, { set: ROUTE_PATH, fields: ROUTE }],
      false,
    ],
    [
      "with a new token",
      { [ROUTE_PATH]: ROUTE },
      [{ merge: CLAIM_PATH, fields: { verifiedAt: NOW, token: "u" } }],
      false,
    ],
    [
      "at a time of its own",
      { [ROUTE_PATH]: ROUTE },
      [{ merge: CLAIM_PATH, fields: { verifiedAt: OLD } }],
      false,
    ],
  ])("is verified %s", (_, documents, writes, isAllowed) => {
    const stored = world({ [CLAIM_PATH]: CLAIM, ...documents });
    expect(stored.commit(API, writes).allowed).toBe(isAllowed);
  });
});
