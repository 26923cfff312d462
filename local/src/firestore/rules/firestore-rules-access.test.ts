/** firestore.rules: for every collection, who may do what. Principals are spelled out here on purpose. */
import { describe, expect, test } from "vitest";
import {
  ID,
  OLD,
  PRINCIPALS,
  PROJECT_PATH,
  REPLICA,
  SERVICES,
  worldIn,
} from "./lifecycle-world.ts";
import { NOW, person, type Auth, type Fields, type RulesWorld } from "./rules-world.ts";

type Operation = "get" | "list" | "create" | "update" | "delete";

interface Document {
  readonly path: string;
  /** As it is, or as it is created. */
  readonly fields: Fields;
  readonly change: Fields;
  /** Those who may; nobody may do what is not named. */
  readonly allowed: Readonly<Partial<Record<Operation, readonly string[]>>>;
}

const API = ["api"];
const GITHUB = ["github-webhook"];
const MEMBERS = [...SERVICES, "a member"];
const DEPLOYMENT = `deployments/${ID}`;
const LATER = new Date("2100-01-01T00:00:00Z");
const LOG = { stream: "build", step: "install", lines: ["ok"], at: OLD };

const CLAIM = { domain: "a.example", projectId: "p", token: "t", verifiedAt: null };

const DOCUMENTS: readonly Document[] = [
  {
    path: `${DEPLOYMENT}/internal/build`,
    fields: { attempt: 2 },
    change: { attempt: 3 },
    allowed: {
      get: SERVICES,
      list: SERVICES,
      create: ["build", "start-build", "finish-build"],
      update: ["build", "start-build", "finish-build"],
    },
  },
  {
    path: `${DEPLOYMENT}/logs/2-b`,
    fields: LOG,
    change: { step: "test" },
    allowed: { get: MEMBERS, list: MEMBERS, create: ["append-logs"] },
  },
  {
    path: `${DEPLOYMENT}/replicas/shop-1`,
    fields: REPLICA,
    change: { seq: 6 },
    allowed: {
      get: MEMBERS,
      list: MEMBERS,
      create: ["collector"],
      update: ["collector"],
      delete: ["collector"],
    },
  },
  {
    path: `${PROJECT_PATH}/metrics/hour-1`,
    fields: { n: 1 },
    change: { n: 2 },
    allowed: { get: SERVICES, list: SERVICES },
  },
  {
    path: "routes/a.example",
    fields: { host: "a.example", projectId: "p", targets: [] },
    change: { targets: ["x"] },
    allowed: { get: SERVICES, list: SERVICES, create: API, update: API, delete: API },
  },
  {
    path: "domains/a.example~p",
    fields: { ...CLAIM, createdAt: NOW },
    change: { token: "another" },
    allowed: { get: SERVICES, list: SERVICES, create: API, delete: API },
  },
  {
    path: "policies/limit",
    fields: { active: 1 },
    change: { active: 2 },
    allowed: { get: SERVICES, list: SERVICES, create: API, update: API, delete: API },
  },
  {
    path: "policies/limit/versions/1",
    fields: { version: 1, verdict: "pending" },
    change: { verdict: "passed", report: [], checkedAt: OLD },
    allowed: { get: SERVICES, list: SERVICES, create: API, update: ["gateway"], delete: API },
  },
  {
    path: "policies/limit/output/1",
    fields: { id: "1", lines: [], expireAt: LATER },
    change: { lines: ["x"] },
    allowed: { get: SERVICES, list: SERVICES, create: ["gateway"], delete: API },
  },
  {
    path: "settings/gateway",
    fields: { policies: [] },
    change: { policies: [{ policy: "limit", config: {} }] },
    allowed: { get: SERVICES, list: SERVICES, create: API, update: API, delete: API },
  },
  {
    path: "gatewayNodes/n1",
    fields: { at: OLD },
    change: { at: "later" },
    allowed: {
      get: SERVICES,
      list: SERVICES,
      create: ["gateway"],
      update: ["gateway"],
      delete: ["gateway"],
    },
  },
  {
    path: "teams/team1",
    fields: { name: "One" },
    change: { name: "Two" },
    allowed: { get: MEMBERS, list: SERVICES, create: API, update: API, delete: API },
  },
  {
    path: "teams/team2",
    fields: { name: "One" },
    change: { name: "Two" },
    allowed: { get: SERVICES, list: SERVICES, create: API, update: API, delete: API },
  },
  {
    path: "members/team1_tom",
    fields: { teamId: "team1", uid: "tom" },
    change: { role: "owner" },
    allowed: { get: SERVICES, list: SERVICES, create: API, update: API, delete: API },
  },
  {
    path: "members/team2_mia",
    fields: { teamId: "team2", uid: "mia" },
    change: { role: "owner" },
    allowed: { get: MEMBERS, list: SERVICES, create: API, update: API, delete: API },
  },
  {
    path: "apiKeys/abc",
    fields: { uid: "mia" },
    change: { revokedAt: OLD },
    allowed: { get: API, list: API, create: API, update: API },
  },
  {
    path: "apiKeys/abc",
    fields: { uid: "mia" },
    change: { uid: "eve" },
    allowed: { get: API, list: API, create: API },
  },
  {
    path: "secrets/p_TOKEN",
    fields: { name: "TOKEN" },
    change: { name: "KEY" },
    allowed: {
      get: ["api", "deploy"],
      list: ["api", "deploy"],
      create: API,
      update: API,
      delete: API,
    },
  },
  {
    path: "audit/e1",
    fields: { what: "created" },
    change: { what: "nothing" },
    allowed: { get: API, list: API, create: SERVICES },
  },
  {
    path: "idempotencyKeys/abc",
    fields: { status: 200 },
    change: { status: 500 },
    allowed: { get: API, list: API, create: API },
  },
  {
    path: "webhookDeliveries/abc",
    fields: { answer: {} },
    change: { answer: { a: 1 } },
    allowed: { get: GITHUB, list: GITHUB, create: GITHUB },
  },
  { path: "unheard/of", fields: { a: 1 }, change: { a: 2 }, allowed: {} },
];

const TRIES: Readonly<
  Record<Operation, (world: RulesWorld, auth: Auth, one: Document) => boolean>
> = {
  get: (world, auth, { path }) => world.get(auth, path),
  list: (world, auth, { path }) => world.list(auth, path.slice(0, path.lastIndexOf("/"))),
  create: (world, auth, { path, fields }) => world.commit(auth, [{ set: path, fields }]).allowed,
  update: (world, auth, one) =>
    world.commit(auth, [{ merge: one.path, fields: one.change }]).allowed,
  delete: (world, auth, { path }) => world.commit(auth, [{ delete: path }]).allowed,
};

function mayDo(operation: Operation, one: Document): readonly string[] {
  const world = worldIn("building");
  if (operation !== "create") world.put(one.path, one.fields);
  return PRINCIPALS.filter(([, auth]) => TRIES[operation](world, auth, one)).map(([name]) => name);
}

describe("access by collection", () => {
  test.each(DOCUMENTS)("$path ($change): $allowed", (one) => {
    const found = Object.fromEntries(
      (["get", "list", "create", "update", "delete"] as const).map((operation) => [
        operation,
        mayDo(operation, one).toSorted(),
      ]),
    );
    const expected = { get: [], list: [], create: [], update: [], delete: [], ...one.allowed };
    for (const [operation, names] of Object.entries(expected)) {
      expect({ operation, names: found[operation] }).toEqual({
        operation,
        names: names.toSorted(),
      });
    }
  });

  test("nobody but api deletes a project, and nobody a deployment", () => {
    const world = worldIn("healthy");
    const deleting = (path: string) =>
      PRINCIPALS.filter(([, auth]) => world.commit(auth, [{ delete: path }]).allowed);
    expect(deleting(PROJECT_PATH).map(([name]) => name)).toEqual(["api"]);
    expect(deleting(DEPLOYMENT)).toEqual([]);
  });

  test("a person without a membership reads no more than anonymous does", () => {
    for (const { path, fields } of DOCUMENTS) {
      const world = worldIn("building");
      world.put(path, fields);
      expect(world.get(person("eve"), path)).toBe(false);
      expect(world.get(null, path)).toBe(false);
    }
  });
});
