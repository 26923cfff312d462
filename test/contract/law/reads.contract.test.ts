/** Who sees what, spelled by hand, by every way of reading and with Google's own clients. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { World } from "../firestore-world.ts";
import type { BatchReader, ListQuery, Reader } from "./readers/reader.ts";
import { restReader } from "./readers/rest-reader.ts";
import { serverReader } from "./readers/server-reader.ts";
import { placeTeams } from "./readers/team-world.ts";
import { webReader } from "./readers/web-reader.ts";
import { Connections } from "./ways.ts";

const SERVICES = ["api", "github-webhook", "deploy", "verify"];
/** mia is of team red, bob of blue, ann of both, eve of none. */
const PEOPLE = ["mia", "bob", "ann", "eve"];
/** Claims a service's name with a person's uid. */
const IMPOSTOR = "mallory";
const NOBODY = "nobody";
const EVERYONE = [...SERVICES, ...PEOPLE, IMPOSTOR, NOBODY];

const RED = ["mia", "ann", ...SERVICES];
const BLUE = ["bob", "ann", ...SERVICES];

/** Who sees each document; nobody else may even know whether it is there. */
const DOCUMENTS: readonly (readonly [path: string, who: readonly string[]])[] = [
  ["projects/p-red", RED],
  ["projects/p-blue", BLUE],
  ["projects/p-none", SERVICES],
  ["projects/p-red/notes/n", SERVICES],
  ["deployments/d-red", RED],
  ["deployments/d-red/transitions/000001", RED],
  ["deployments/d-red/transitions/000002", RED],
  ["deployments/d-red/logs/1", RED],
  ["deployments/d-red/replicas/a", RED],
  ["deployments/d-red/snapshot/config", RED],
  ["deployments/d-red/internal/build", SERVICES],
  ["deployments/d-red/unheard/of", []],
  ["deployments/d-blue", BLUE],
  ["deployments/d-blue/transitions/000001", BLUE],
  ["deployments/d-blue/internal/build", SERVICES],
  ["deployments/d-none", SERVICES],
  ["deployments/d-none/logs/1", SERVICES],
  ["teams/red", RED],
  ["teams/blue", BLUE],
  ["members/red_mia", ["mia", ...SERVICES]],
  ["members/red_ann", ["ann", ...SERVICES]],
  ["members/red_eve", SERVICES],
  ["apiKeys/k", ["api"]],
  ["secrets/s", ["api", "deploy"]],
  ["audit/a", ["api"]],
  ["idempotencyKeys/i", ["api"]],
  ["webhookDeliveries/w", ["github-webhook"]],
  ["routes/r", SERVICES],
  ["domains/d", SERVICES],
  ["policies/p", SERVICES],
  ["gatewayNodes/n", SERVICES],
  ["unheard/of", []],
];
const MISSING = ["p-none", "d-none", "000002", "red_eve"];

const inRed = ["teamId", "==", "red"] as const;
const inBlue = ["teamId", "==", "blue"] as const;
const both = ["deployments/d-blue", "deployments/d-red"];

/** Who may run each list, and what it answers; everyone else is refused, however little it would tell. */
const LISTS: readonly (readonly [ListQuery, who: readonly string[], paths: readonly string[]])[] = [
  [{ collection: "deployments" }, SERVICES, both],
  [{ collection: "deployments", where: [inRed] }, RED, ["deployments/d-red"]],
  [{ collection: "deployments", where: [inBlue] }, BLUE, ["deployments/d-blue"]],
  [
    { collection: "deployments", where: [inRed, ["state", "==", "failed"]], limit: 1 },
    RED,
    ["deployments/d-red"],
  ],
  [
    { collection: "deployments", where: [["teamId", "in", ["red", "blue"]]] },
    ["ann", ...SERVICES],
    both,
  ],
  [
    { collection: "deployments", where: [["projectId", "==", "p-red"]] },
    SERVICES,
    ["deployments/d-red"],
  ],
  // Nothing is of both teams, so nothing is shown to whoever may see what is of the first.
  [{ collection: "deployments", where: [inRed, inBlue] }, RED, []],
  [{ collection: "deployments", where: [["teamId", "==", "green"]] }, SERVICES, []],
  [{ collection: "projects" }, SERVICES, ["projects/p-blue", "projects/p-red"]],
  [{ collection: "projects", where: [inRed] }, RED, ["projects/p-red"]],
  [{ collection: "projects", where: [inBlue] }, BLUE, ["projects/p-blue"]],
  [{ collection: "deployments/d-red/transitions" }, RED, ["deployments/d-red/transitions/000001"]],
  [{ collection: "deployments/d-red/logs" }, RED, ["deployments/d-red/logs/1"]],
  [{ collection: "deployments/d-red/replicas" }, RED, ["deployments/d-red/replicas/a"]],
  [{ collection: "deployments/d-red/snapshot" }, RED, ["deployments/d-red/snapshot/config"]],
  [{ collection: "deployments/d-red/internal" }, SERVICES, ["deployments/d-red/internal/build"]],
  [{ collection: "deployments/d-blue/logs" }, BLUE, ["deployments/d-blue/logs/1"]],
  [{ collection: "projects/p-red/notes" }, SERVICES, ["projects/p-red/notes/n"]],
  [{ collection: "transitions", isGroup: true }, [], []],
  [{ collection: "deployments", isGroup: true, where: [inRed] }, [], []],
  [{ collection: "teams" }, SERVICES, ["teams/blue", "teams/red"]],
  [
    { collection: "members", where: [["uid", "==", "mia"]] },
    ["mia", ...SERVICES],
    ["members/red_mia"],
  ],
  [{ collection: "members", where: [inRed] }, SERVICES, ["members/red_ann", "members/red_mia"]],
  [{ collection: "apiKeys" }, ["api"], ["apiKeys/k"]],
  [{ collection: "secrets" }, ["api", "deploy"], ["secrets/s"]],
  [{ collection: "audit" }, ["api"], ["audit/a"]],
  [{ collection: "webhookDeliveries" }, ["github-webhook"], ["webhookDeliveries/w"]],
  [{ collection: "routes" }, SERVICES, ["routes/r"]],
  [{ collection: "unheard" }, [], []],
];

let world: World;
let connections: Connections;
const readers = new Map<string, readonly Reader[]>();
const batchReaders = new Map<string, readonly BatchReader[]>();

beforeAll(async () => {
  world = await World.start();
  connections = new Connections(world.address);
  await placeTeams(world);
  for (const who of EVERYONE) {
    const token = await tokenOf(who);
    const rest = restReader(connections, token);
    // Without a token only REST is anonymous: the other clients would show one of their own.
    const server = token === null ? [] : [serverReader(world.address, token)];
    const web = token === null ? [] : [webReader(world.address, token)];
    readers.set(who, [rest, ...server, ...web]);
    batchReaders.set(who, [rest, ...server]);
  }
});
afterAll(async () => {
  await Promise.all([...readers.values()].flat().map((reader) => reader.close()));
  connections.close();
  await world.stop();
});

function tokenOf(who: string): Promise<string> | null {
  if (who === NOBODY) return null;
  if (who === IMPOSTOR) return world.token(IMPOSTOR, { svc: "verify" });
  return SERVICES.includes(who) ? world.token(`svc:${who}`, { svc: who }) : world.token(who);
}

/** What was read in other ways than `expected`, by who and how. */
async function unlike(
  expectedFor: (who: string) => unknown,
  read: (reader: Reader) => Promise<Readonly<Record<string, unknown>>>,
): Promise<readonly string[]> {
  const found: string[] = [];
  await Promise.all(
    EVERYONE.map(async (who) => {
      for (const reader of readers.get(who) ?? []) {
        for (const [how, sight] of Object.entries(await read(reader))) {
          const expected = JSON.stringify(expectedFor(who));
          if (JSON.stringify(sight) !== expected)
            found.push(`${who}, ${how}: ${JSON.stringify(sight)}, not ${expected}`);
        }
      }
    }),
  );
  return found;
}

describe("a document", () => {
  test.each(DOCUMENTS)("%s is seen by %j and nobody else", async (path, who) => {
    const sight = MISSING.some((name) => path.includes(name)) ? "missing" : "seen";
    const expected = (one: string) => (who.includes(one) ? sight : "denied");
    expect(await unlike(expected, (reader) => reader.get(path))).toEqual([]);
  });

  test("that may not be seen hides all that are asked for with it", async () => {
    const own = ["deployments/d-red", "projects/p-red"];
    for (const reader of batchReaders.get("mia") ?? []) {
      expect(await reader.getAll(own)).toEqual(["seen", "seen"]);
      expect(await reader.getAll([...own, "deployments/d-blue"])).toBe("denied");
      expect(await reader.getAll([...own, "deployments/d-red/internal/build"])).toBe("denied");
      expect(await reader.getAll([...own, "deployments/d-none"])).toBe("denied");
    }
  });
});

describe("a list", () => {
  test.each(LISTS)("%j is for %j and nobody else", async (query, who, paths) => {
    const listed = (one: string) => (who.includes(one) ? paths : "denied");
    expect(await unlike(listed, (reader) => reader.list(query))).toEqual([]);
    const counted = (one: string) => (who.includes(one) ? paths.length : "denied");
    expect(await unlike(counted, async (reader) => ({ count: await reader.count(query) }))).toEqual(
      [],
    );
  });
});
