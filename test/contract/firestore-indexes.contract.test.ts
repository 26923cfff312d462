/** firestore.indexes.json and the queries of the product belong together: each entry is needed, and none is missing. */
import { encodeValue } from "@bifrost/shared/cloud/firestore-values";
import { whereEqual } from "@bifrost/shared/cloud/firestore-rest";
import type { DeploymentId, ProjectId } from "@bifrost/shared/domain/ids";
import { expect, test } from "vitest";
import type { Index } from "../../local/src/firestore/indexes/index-file.ts";
import { productIndexes, World } from "./firestore-world.ts";

const project = "p-1" as ProjectId;
const deployment = "d-1" as DeploymentId;

/** What a page of the dashboard asks as a member: the rules demand the team. */
function deploymentsOfTeam(world: World, filters: object, order: string): Promise<unknown> {
  return world.seeder.query("", {
    from: [{ collectionId: "deployments" }],
    where: whereEqual({ teamId: "t", ...filters }, encodeValue),
    orderBy: [{ field: { fieldPath: order }, direction: "DESCENDING" }],
  });
}

/** Every query that the product sends, by the composite index it can't do without. */
const QUERIES: readonly (readonly [
  index: string | null,
  query: string,
  ask: (world: World) => Promise<unknown>,
])[] = [
  [
    "deployments: projectId, -number",
    "deployments of a project",
    (world) => world.deployments("api").listByProject(project, { limit: 5 }),
  ],
  [
    "deployments: projectId, -number",
    "the next page of them",
    (world) => world.deployments("api").listByProject(project, { limit: 5, before: 9 }),
  ],
  [
    "deployments: projectId, commit.sha, -number",
    "deployments of a commit",
    (world) => world.deployments("api").listByProject(project, { limit: 5, commit: "abc" }),
  ],
  [
    "deployments: state, stateSince",
    "deployments that wait in some states",
    (world) => world.deployments("reap").listInStates(["building", "deploying"], 5),
  ],
  [
    "deployments: teamId, -createdAt",
    "the dashboard's newest deployments",
    (world) => deploymentsOfTeam(world, {}, "createdAt"),
  ],
  [
    "deployments: teamId, projectId, -number",
    "the dashboard's page of a project",
    (world) => deploymentsOfTeam(world, { projectId: project }, "number"),
  ],
  [
    null,
    "the last log lines",
    (world) => world.deployments("api").lastLogs(deployment, "build", 5),
  ],
  [
    null,
    "the transitions of a deployment",
    (world) => world.deployments("api").transitions(deployment),
  ],
  [null, "its replicas", (world) => world.deployments("api").replicas(deployment)],
  [null, "projects of teams", (world) => world.projects("api").list(["t"])],
  [null, "a project by slug", (world) => world.projects("api").findBySlug("s")],
  [
    null,
    "a project by repository",
    (world) => world.projects("github-webhook").findByRepository("r"),
  ],
  [
    null,
    "the teams of a person",
    (world) =>
      world.as("api").query("", {
        from: [{ collectionId: "members" }],
        where: whereEqual({ uid: "u" }, encodeValue),
        limit: 100,
      }),
  ],
];

/**
 * An automatic index sorts the name in the direction of its field, so the descending one on `stream` serves the last
 * log lines. That follows from the documentation but is not spelled out there: the entry is kept to be certain.
 */
const KEPT_FOR_CERTAINTY = ["logs: stream, -__name__"];

function textOf({ collectionGroup, fields, nameDirection }: Index): string {
  const last = fields.at(-1)?.mode;
  const named = nameDirection === (last === "DESCENDING" ? "DESCENDING" : "ASCENDING");
  const texts = fields.map(({ path, mode }) => (mode === "DESCENDING" ? `-${path}` : path));
  return `${collectionGroup}: ${[...texts, ...(named ? [] : ["-__name__"])].join(", ")}`;
}

test("the file holds the indexes of the product's queries and no other", () => {
  const needed = QUERIES.flatMap(([index]) => (index === null ? [] : [index]));
  expect(productIndexes.composites.map(textOf).toSorted()).toEqual(
    [...new Set([...needed, ...KEPT_FOR_CERTAINTY])].toSorted(),
  );
});

/** The queries that are refused, by name. */
async function refused(world: World): Promise<string[]> {
  const names: string[] = [];
  for (const [, name, ask] of QUERIES) {
    await ask(world).catch((error: Error) => {
      if (!error.message.includes("The query requires an index")) throw error;
      names.push(name);
    });
  }
  await world.stop();
  return names;
}

test("every query of the product is served", async () => {
  expect(await refused(await World.start())).toEqual([]);
});

test.each(productIndexes.composites.map((index) => [textOf(index), index] as const))(
  "without %s its queries are refused, and only those",
  async (text, index) => {
    const composites = productIndexes.composites.filter((one) => one !== index);
    const world = await World.start({ indexes: { ...productIndexes, composites } });
    const expected = QUERIES.flatMap(([needed, name]) => (needed === text ? [name] : []));
    expect(await refused(world)).toEqual(expected);
  },
);
