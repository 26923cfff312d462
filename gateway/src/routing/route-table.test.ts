import { describe, expect, test } from "vitest";
import { EMPTY_ROUTE_TABLE, RouteSchema, type RouteTable } from "@bifrost/shared/domain/route";
import * as v from "valibot";
import { chooseBackends, findSite } from "./match.ts";
import { emptyServingTable, hostsOf, previewsOf, settle } from "./route-table.ts";
import { sitePolicies } from "./site.ts";

const route = (host: string, targets: { deploymentId: string; weight: number }[] = []) =>
  v.parse(RouteSchema, { host, projectId: "p", targets });

function table(
  live: string | null,
  former: string | null,
  ...routes: ReturnType<typeof route>[]
): RouteTable {
  return {
    ...EMPTY_ROUTE_TABLE,
    routes: new Map(routes.map((one) => [one.host, one])),
    live: new Map(live === null ? [] : [["p", live]]),
    former: new Map(former === null ? [] : [["p", former]]),
  };
}

const backends = (...ids: string[]) =>
  new Map(
    ids.map((id) => [
      id,
      { projectId: "p", ready: [{ address: `${id}:80`, replica: `${id}-pod` }] },
    ]),
  );

describe("which release a project is served by", () => {
  test.each<[string, string, string[], string, string[], string]>([
    ["a ready new release is taken at once", "old", ["old"], "new", ["old", "new"], "new"],
    ["an unready new one waits", "old", ["old"], "new", ["old"], "old"],
    ["with neither ready the new one is meant", "old", ["old"], "new", [], "new"],
    ["the live one stays when its replicas vanish", "old", ["old"], "old", ["new"], "old"],
  ])("%s", (_name, firstLive, firstReady, nextLive, nextReady, expected) => {
    const before = settle(emptyServingTable("d"), table(firstLive, null), backends(...firstReady));
    const after = settle(before, table(nextLive, null), backends(...nextReady));
    expect(after.serving.get("p")).toBe(expected);
  });

  test("the waiting ends when the new release becomes ready or the old one is gone", () => {
    const first = settle(emptyServingTable("d"), table("old", null), backends("old"));
    const waiting = settle(first, table("new", "old"), backends("old"));
    expect(settle(waiting, table("new", "old"), backends("old", "new")).serving.get("p")).toBe(
      "new",
    );
    expect(settle(waiting, table("new", "old"), backends()).serving.get("p")).toBe("new");
  });
});

const FORMER: Readonly<Record<string, string>> = { new: "old", newer: "new", next: "new" };

function served(live: string, ready: readonly string[], before = emptyServingTable("d")) {
  return settle(before, table(live, FORMER[live] ?? null), backends(...ready));
}

describe("a release whose replicas all fail", () => {
  const switched = served("new", ["old", "new"], served("old", ["old"]));

  test.each<[string, string, string[], string]>([
    ["the one before while that still runs", "new", ["old"], "old"],
    ["itself when nothing else runs", "new", [], "new"],
    ["itself as long as a replica of it is ready", "new", ["new", "old"], "new"],
    ["its successor once that is ready", "next", ["old", "next"], "next"],
  ])("is served by %s", (_, wanted, ready, expected) => {
    expect(served(wanted, ready, switched).serving.get("p")).toBe(expected);
    const fallenBack = served("new", ["old"], switched);
    expect(served(wanted, ready, fallenBack).serving.get("p")).toBe(expected);
  });

  test.each([
    ["the one before", ["old"], "old"],
    ["itself when it is ready", ["old", "new"], "new"],
    ["itself when nothing is", [], "new"],
  ])("is served by %s in a gateway that has just started", (_, ready, expected) => {
    expect(served("new", ready).serving.get("p")).toBe(expected);
  });

  test("leaves the one before to serve until its successor is ready", () => {
    const waiting = served("next", ["old"], served("new", ["old"], switched));
    expect(waiting.serving.get("p")).toBe("old");
    expect(served("next", ["old", "next"], waiting).serving.get("p")).toBe("next");
  });

  test("does not fall back to what served before the one before", () => {
    const third = served("newer", ["old", "new", "newer"], switched);
    expect(served("newer", ["old"], third).serving.get("p")).toBe("newer");
  });
});

const CHOICE = {
  source: { ip: "10.0.0.1", header: () => undefined },
  wanted: null,
  newVisitorId: () => "new",
};

describe("matching", () => {
  const routes = table(
    "live",
    null,
    route("shop.d.test"),
    route("bare"),
    route("ported.d.test:8080"),
    {
      ...route("split.d.test"),
      targets: [
        { deploymentId: "a", weight: 1 },
        { deploymentId: "b", weight: 0 },
      ],
    },
  );
  const ready = backends("live", "a", "b", "preview");
  const none = sitePolicies(routes, () => null);
  const first = {
    ...emptyServingTable("d.test"),
    hosts: hostsOf(routes, "d.test", none),
    previews: previewsOf(ready, "d.test", none),
  };
  const serving = settle(first, routes, ready);

  test.each([
    ["shop.d.test", "live"],
    ["bare.d.test", "live"],
    ["ported.d.test", "live"],
    ["split.d.test", "a"],
    ["preview.d.test", "preview"],
    ["nobody.d.test", "unknown-host"],
    ["preview.other.test", "unknown-host"],
    ["d.test", "unknown-host"],
  ])("%s → %s", (host, expected) => {
    const site = findSite(serving, host, "/");
    const match = site.kind === "site" ? chooseBackends(serving, site, CHOICE) : site;
    expect(match.kind === "backends" ? match.deploymentId : match.kind).toBe(expected);
  });
});

describe("what a table of sites is made from", () => {
  const all = table("live", null, route("a.test"), route("b.test"), route("c"));
  const policies = sitePolicies(all, () => null);
  const hosts = hostsOf(all, "d.test", policies);

  test("only routes that changed get new sites", () => {
    const routes = new Map([...all.routes, ["b.test", route("b.test")] as const]);
    routes.delete("c");
    const next = hostsOf({ routes }, "d.test", policies, { routes: all.routes, hosts });
    expect([...next.keys()]).toEqual(["a.test", "b.test"]);
    expect(next.get("a.test")).toBe(hosts.get("a.test"));
    expect(next.get("b.test")).not.toBe(hosts.get("b.test"));
  });

  test("only deployments that came get new sites", () => {
    const known = previewsOf(backends("x", "y"), "d.test", policies);
    const next = previewsOf(backends("y", "z"), "d.test", policies, known);
    expect([...next.keys()]).toEqual(["y", "z"]);
    expect(next.get("y")).toBe(known.get("y"));
  });

  test("ten thousand routes are one pass", () => {
    let chains = 0;
    const many = table("live", null, ...Array.from({ length: 10_000 }, (_, i) => route(`h${i}`)));
    const counting = sitePolicies(many, () => (chains++, null));
    const first = hostsOf(many, "d.test", counting);
    expect([first.size, chains]).toEqual([10_000, 10_000]);
    const routes = new Map([...many.routes, ["h7", route("h7")] as const]);
    hostsOf({ routes }, "d.test", counting, { routes: many.routes, hosts: first });
    expect(chains).toBe(10_001);
  });
});
