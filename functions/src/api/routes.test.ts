import type { RouteView } from "@bifrost/shared/api/routes";
import type { Deployment } from "@bifrost/shared/domain/deployment";
import type { ProjectId } from "@bifrost/shared/domain/ids";
import type { Project } from "@bifrost/shared/domain/project";
import { newRoute } from "@bifrost/shared/testing/fixtures";
import { describe, expect, it } from "vitest";
import { type ApiCall, testApi } from "../testing/test-api.ts";

const OWN = "app.apps.test";
const PATH = `/projects/app/routes/${OWN}`;
const LIVE = "depbbbbbbbbbbb" as Deployment["id"];
const FOREIGN = "depfffffffffff" as Deployment["id"];

/** A project `app` with deployments 1 (retired), 2 and 3, and `blog`, another one of the team. */
async function setUp() {
  const api = testApi();
  const { platform } = api;
  const projectId = "proaaaaaaaaaaa";
  await platform.routes.create(newRoute({ host: OWN, projectId }));
  platform.deployment({ state: "healthy", retiredAt: new Date(0) });
  platform.deployment({ id: LIVE, number: 2, state: "healthy" });
  platform.deployment({ id: "depccccccccccc" as Deployment["id"], number: 3, state: "running" });
  platform.deployment({ id: "depddddddddddd" as Deployment["id"], number: 4, state: "failed" });
  const other = (id: string, slug: string, teamId: string) =>
    platform.project({
      id: id as ProjectId,
      slug: slug as Project["slug"],
      repository: `local/${slug}` as Project["repository"],
      teamId,
    });
  const blog = other("probbbbbbbbbbb", "blog", "team");
  other("proccccccccccc", "theirs", "others");
  platform.deployment({ id: FOREIGN, projectId: blog.id, number: 5, state: "healthy" });
  const set = (body: unknown, options: ApiCall = {}, path = PATH) =>
    api.call<RouteView>("PUT", path, { body, ...options });
  return { ...api, set };
}

describe("the routes of a project", () => {
  it("are listed and shown with what a target's number and name are", async () => {
    const { call, set } = await setUp();
    const body = {
      targets: [
        { deployment: "live", weight: 90 },
        { deployment: 3, weight: 10, name: "canary" },
      ],
      stickiness: { by: "cookie", name: "visitor" },
      paths: [{ prefix: "/blog", project: "blog", stripsPrefix: true }],
      policies: [{ policy: "standard/rate-limit", config: { rate: 5 } }],
    };
    const written = await set(body);
    expect(written).toMatchObject({
      status: 200,
      body: {
        host: OWN,
        kind: "own",
        url: `http://${OWN}:8080`,
        targets: [
          { deployment: "live", number: null, weight: 90, name: null },
          { deployment: "depccccccccccc", number: 3, weight: 10, name: "canary" },
        ],
        stickiness: { by: "cookie", name: "visitor" },
        paths: [{ prefix: "/blog", project: "blog", stripsPrefix: true, targets: [] }],
        policies: [{ policy: "standard/rate-limit", config: { rate: 5 } }],
      },
    });
    const shown = await call<RouteView>("GET", PATH);
    expect(shown.body).toEqual(written.body);
    expect(shown.headers.get("etag")).toBe(`"${shown.body.version}"`);
    const listed = await call("GET", "/projects/app/routes");
    expect(listed.body).toEqual({ items: [shown.body], nextCursor: null });
  });

  it("follow the live release again after {}", async () => {
    const { set, platform } = await setUp();
    await set({ targets: [{ deployment: 2 }], redirect: { to: "https://new.test" } });
    await set({});
    const stored = await platform.routes.read(OWN);
    expect(stored?.value).toEqual(newRoute({ host: OWN, projectId: "proaaaaaaaaaaa" }));
  });

  it("are changed only from the version that was read, when one is named", async () => {
    const { call, set } = await setUp();
    const etag = (await call("GET", PATH)).headers.get("etag") ?? "";
    const headers = { "if-match": etag };
    expect(await set({}, { headers })).toMatchObject({ status: 200 });
    expect(await set({}, { headers })).toMatchObject({
      status: 412,
      body: { code: "precondition-failed" },
    });
    const extra = `/projects/app/routes/new--${OWN}`;
    expect((await set({}, { headers: { "if-match": "*" } }, extra)).status).toBe(412);
  });

  it("may be more hosts below the platform's domain, which can be removed again", async () => {
    const { call, set, platform } = await setUp();
    const extra = `/projects/app/routes/new--${OWN}`;
    const created = await set({ targets: [{ deployment: LIVE }] }, {}, extra);
    expect(created).toMatchObject({ status: 201, body: { kind: "extra" } });
    expect(
      (
        await set(
          {},
          {},
          extra.toUpperCase().replace("/PROJECTS/APP/ROUTES", "/projects/app/routes"),
        )
      ).status,
    ).toBe(200);
    expect((await call("DELETE", extra)).body).toEqual({ deleted: `new--${OWN}` });
    expect(platform.routes.hosts()).toEqual([OWN]);
    expect((await call("GET", extra)).status).toBe(404);
  });

  it.each([
    ["the project's own host", OWN, 400],
    ["a host it does not have", `old--${OWN}`, 404],
  ])("cannot lose %s", async (_, host, status) => {
    const { call, platform } = await setUp();
    expect((await call("DELETE", `/projects/app/routes/${host}`)).status).toBe(status);
    expect(platform.routes.hosts()).toEqual([OWN]);
  });

  it.each([
    ["another project's own host", "blog.apps.test", 400],
    ["another project's extra host", "new--blog.apps.test", 400],
    ["a name that a deployment has", `${LIVE}.apps.test`, 400],
    ["the platform's domain", "apps.test", 400],
    ["a custom domain that is not verified", "shop.example", 404],
  ])("cannot take %s", async (_, host, status) => {
    const { set, platform } = await setUp();
    expect((await set({}, {}, `/projects/app/routes/${host}`)).status).toBe(status);
    expect(platform.routes.hosts()).toEqual([OWN]);
  });

  it.each([
    ["GET", PATH],
    ["PUT", PATH],
    ["DELETE", PATH],
    ["GET", "/projects/app/routes"],
  ])("do not exist for another team: %s %s", async (method, path) => {
    const { call, platform } = await setUp();
    const answer = await call(method, path, { by: "eve", body: method === "PUT" ? {} : undefined });
    expect(answer).toMatchObject({ status: 404, body: { code: "not-found" } });
    expect((await platform.routes.read(OWN))?.version).toBe("1");
  });

  it.each(["PUT", "DELETE"])("need the scope deploy to be changed: %s", async (method) => {
    const { call } = await setUp();
    const options = { by: "rob", body: method === "PUT" ? {} : undefined };
    expect((await call(method, PATH, options)).status).toBe(403);
  });
});

const path = (rule: object) => ({ paths: [{ prefix: "/x", ...rule }] });

it.each<[string, object]>([
  [
    "to another host, kept paths included",
    { redirect: { to: "https://new.test", keepsPath: true } },
  ],
  ["to a path that is served", { redirect: { to: "/x" }, paths: [{ prefix: "/x" }] }],
  ["of a path to its neighbour", path({ redirect: { to: "/xy" } })],
  ["of a path to the whole host", path({ redirect: { to: "/" } })],
])("a redirect may lead %s", async (_, body) => {
  const { set } = await setUp();
  expect((await set(body)).status).toBe(200);
});

describe("a route is refused", () => {
  it.each<[string, object, number, RegExp]>([
    [
      "with a deployment of another project",
      { targets: [{ deployment: FOREIGN }] },
      404,
      /no deployment/,
    ],
    ["with a number of another project", { targets: [{ deployment: 5 }] }, 404, /no deployment 5/],
    ["with one whose replicas ended", { targets: [{ deployment: 1 }] }, 400, /replicas have ended/],
    ["with one that failed", { targets: [{ deployment: "#4" }] }, 400, /it is failed/],
    ["with an id that is none", { targets: [{ deployment: "../x" }] }, 404, /no deployment/],
    [
      "without any weight",
      { targets: [{ deployment: 2, weight: 0 }] },
      400,
      /no target has a weight/,
    ],
    ["with a weight below 0", { targets: [{ deployment: 2, weight: -1 }] }, 400, /weight/],
    ["with one target twice", { targets: [{ deployment: 2 }, { deployment: LIVE }] }, 400, /twice/],
    [
      "with one name twice",
      {
        targets: [
          { deployment: 2, name: "a" },
          { deployment: 3, name: "a" },
        ],
      },
      400,
      /twice/,
    ],
    [
      "with a target of its own below a path of another project",
      path({ project: "blog", targets: [{ deployment: 2 }] }),
      400,
      /only blog splits/,
    ],
    [
      "with a path of another team's project",
      path({ project: "theirs" }),
      404,
      /no project theirs/,
    ],
    ["with a path of no project", path({ project: "nobody" }), 404, /no project nobody/],
    ["with a path that leaves its prefix", path({ prefix: "/a/../b" }), 400, /\.\./],
    [
      "with one path in two spellings",
      { paths: [{ prefix: "/api" }, { prefix: "/%61pi/" }] },
      400,
      /prefix twice/,
    ],
    ["with a path that is none", path({ prefix: "api" }), 400, /begin with/],
    ["with a policy nobody has", { policies: [{ policy: "no-such" }] }, 400, /no policy no-such/],
    [
      "with such a policy below a path",
      path({ policies: [{ policy: "standard/no-such" }] }),
      400,
      /no standard\/no-such/,
    ],
    ["with a redirect to another scheme", { redirect: { to: "javascript:alert(1)" } }, 400, /path/],
    ["with a redirect that looks like a path", { redirect: { to: "//evil.test" } }, 400, /path/],
    [
      "with a redirect that looks like a path to a browser",
      { redirect: { to: "/\\evil.test" } },
      400,
      /path/,
    ],
    ["with a line break in a redirect", { redirect: { to: "/a\r\nset-cookie: a=b" } }, 400, /path/],
    ["with user info in a redirect", { redirect: { to: "https://ada@evil.test" } }, 400, /path/],
    [
      "with a status that redirects nothing",
      { redirect: { to: "/a", status: 200 } },
      400,
      /status/,
    ],
    [
      "with a redirect that puts a path behind a query",
      { redirect: { to: "https://a.test/?x", keepsPath: true } },
      400,
      /without \?/,
    ],
    ["with a redirect to itself", { redirect: { to: "/welcome" } }, 400, /without end/],
    [
      "with a redirect to its own name",
      { redirect: { to: `https://${OWN}/x` } },
      400,
      /without end/,
    ],
    [
      "with a path that redirects below itself",
      path({ redirect: { to: "/x/y" } }),
      400,
      /without end/,
    ],
    [
      "with a path that redirects below itself in another spelling",
      path({ redirect: { to: "/%78//y" } }),
      400,
      /without end/,
    ],
    ["with a header that is no name", { stickiness: { by: "header", name: "a b" } }, 400, /name/],
    ["with a field nobody knows", { weight: 1 }, 400, /weight/],
  ])("%s", async (_, body, status, words) => {
    const { set, platform } = await setUp();
    const answer = await set(body);
    expect(answer.status).toBe(status);
    expect(JSON.stringify(answer.body)).toMatch(words);
    expect((await platform.routes.read(OWN))?.version).toBe("1");
  });
});
