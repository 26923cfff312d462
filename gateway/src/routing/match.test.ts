import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { LIVE_TARGET, RouteSchema, type Stickiness } from "@bifrost/shared/domain/route";
import { chooseBackends, findSite } from "./match.ts";
import { emptyServingTable, type ServingTable } from "./route-table.ts";
import { sitesOf } from "./site.ts";

const POLICIES = { platform: [], ofProject: () => [], chainOf: () => null };
const HOST = "shop.d.test";

type RouteInput = Partial<v.InferInput<typeof RouteSchema>>;

function tableOf(route: RouteInput, ready: Readonly<Record<string, string>> = {}): ServingTable {
  const full = v.parse(RouteSchema, { host: HOST, projectId: "p", ...route });
  const backends = Object.entries(ready).map(
    ([id, projectId]) =>
      [id, { projectId, ready: [{ address: `${id}:80`, replica: id }] }] as const,
  );
  return {
    ...emptyServingTable("d.test"),
    hosts: new Map([[HOST, sitesOf(full, POLICIES)]]),
    serving: new Map([["p", "live-release"]]),
    backends: new Map(backends),
    addresses: new Map(backends.map(([id]) => [id, [`${id}:80`]])),
  };
}

const paths = (...prefixes: string[]) => prefixes.map((prefix) => ({ prefix }));

describe("the site of a path", () => {
  const table = tableOf({ paths: paths("/api", "/api/public", "/a%62/", "/caf%C3%A9") });
  const siteOf = (target: string): string => {
    const site = findSite(table, HOST, target);
    return site.kind === "site" ? site.prefix : site.kind;
  };

  test.each([
    ["/", "/"],
    ["*", "/"],
    ["/apix", "/"],
    ["/x?/api", "/"],
    ["/api", "/api"],
    ["/api/", "/api"],
    ["/api?x=/../y", "/api"],
    ["/api/public/x", "/api/public"],
    ["/ab/x", "/ab"],
    ["/caf\xc3\xa9/x", "/caf\xc3\xa9"],
    ["/caf%c3%a9/x", "/caf\xc3\xa9"],
    // Other spellings cannot get round a prefix.
    ["/%61p%69/x", "/api"],
    ["//api/x", "/api"],
    ["/./api", "/api"],
    ["/%2E/api", "/api"],
    ["/api%2fx", "/api"],
    ["/api\\x", "/api"],
    ["/api;v=1/x", "/api"],
    ["/\\api", "/api"],
    // Spellings that would get round the policies of one prefix by those of another have no site.
    ["/api%2fpublic/x", "/api/public"],
    ["/api/public%2fx", "ambiguous-path"],
    ["/api/public;x", "ambiguous-path"],
    ["/api//public", "ambiguous-path"],
    ["/api/./public", "ambiguous-path"],
    ["/api/../x", "ambiguous-path"],
    ["/x/../api", "ambiguous-path"],
    ["/api/..;/x", "ambiguous-path"],
    ["/api/%2e%2e%2fx", "ambiguous-path"],
    ["/../../etc/passwd", "ambiguous-path"],
    ["/a%00", "ambiguous-path"],
    ["/100%", "ambiguous-path"],
  ])("%s → %s", (target, expected) => {
    expect(siteOf(target)).toBe(expected);
  });

  test("is the whole host where a route has no paths, whatever the path", () => {
    const plain = tableOf({});
    for (const target of ["/../x", "/100%", "/%00"]) {
      expect(findSite(plain, HOST, target)).toMatchObject({ kind: "site", prefix: "/" });
    }
  });
});

interface Visit {
  readonly cookie?: string;
  readonly wanted?: string;
  /** Whether only one target has weight. */
  readonly single?: boolean;
}

function choose(table: ServingTable, { cookie, wanted }: Visit = {}) {
  const site = findSite(table, HOST, "/");
  if (site.kind !== "site") throw new Error(`no site: ${site.kind}`);
  const header = (name: string) => (name === "cookie" ? cookie : undefined);
  const found = chooseBackends(table, site, {
    source: { ip: "10.0.0.1", header },
    wanted: wanted ?? null,
    newVisitorId: () => "fresh",
  });
  return found.kind === "backends" ? found.deploymentId : found.kind;
}

describe("the release of a split", () => {
  const targets = [
    { deploymentId: LIVE_TARGET, weight: 1 },
    { deploymentId: "canary-release", name: "canary", weight: 0 },
  ];

  test.each<[string, string, RouteInput, Record<string, string>, Visit]>([
    ["is the live one for `live`", "live-release", { targets }, { "live-release": "p" }, {}],
    [
      "is what a policy names, even without weight",
      "canary-release",
      { targets },
      { "live-release": "p", "canary-release": "p" },
      { wanted: "canary" },
    ],
    [
      "is by weight when what a policy names cannot serve",
      "live-release",
      { targets },
      { "live-release": "p" },
      { wanted: "canary" },
    ],
    [
      "is by weight when a policy names none of them",
      "live-release",
      { targets },
      { "live-release": "p", stranger: "p" },
      { wanted: "stranger" },
    ],
    [
      "is another one when its share belongs to one without replicas",
      "canary-release",
      { targets: targets.map((target) => ({ ...target, weight: 1 })) },
      { "canary-release": "p" },
      {},
    ],
    [
      "is never one of another project",
      "no-backend",
      { targets: [{ deploymentId: "theirs", weight: 1 }] },
      { theirs: "other" },
      {},
    ],
    [
      "is none when no target has weight",
      "no-release",
      { targets: [{ deploymentId: "x-release", weight: 0 }] },
      { "x-release": "p" },
      {},
    ],
    ["is none while no target has replicas", "no-backend", { targets }, {}, {}],
  ])("%s", (_, expected, route, ready, visit) => {
    expect(choose(tableOf(route, ready), visit)).toBe(expected);
  });

  test.each<[string, Visit, Stickiness, string | null]>([
    ["a visitor without the cookie is given one", {}, { by: "cookie", name: "id" }, "fresh"],
    ["one with the cookie keeps it", { cookie: "id=7" }, { by: "cookie", name: "id" }, null],
    ["one whom a policy places needs none", { wanted: "b" }, { by: "cookie", name: "id" }, null],
    [
      "one on a host with one release needs none",
      { single: true },
      { by: "cookie", name: "id" },
      null,
    ],
    ["one known by a header needs none", {}, { by: "header", name: "x" }, null],
    ["one known by address needs none", {}, { by: "address" }, null],
  ])("%s", (_, { cookie, wanted = null, single = false }, stickiness, newVisitor) => {
    const names = { aaaaaaaaaa: "p", bbbbbbbbbb: "p" };
    const split = [
      { deploymentId: "aaaaaaaaaa", weight: 1 },
      { deploymentId: "bbbbbbbbbb", name: "b", weight: single ? 0 : 1 },
    ];
    const table = tableOf({ targets: split, stickiness }, names);
    const site = findSite(table, HOST, "/");
    const header = (name: string) => (name === "cookie" ? cookie : undefined);
    const choice = { source: { ip: "10.0.0.1", header }, wanted, newVisitorId: () => "fresh" };
    expect(site.kind === "site" && chooseBackends(table, site, choice)).toMatchObject({
      kind: "backends",
      newVisitor,
    });
  });
});
