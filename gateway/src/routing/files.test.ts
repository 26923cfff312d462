/** Static sites among the releases that routes choose from. */
import { EMPTY_ROUTE_TABLE, type Route, RouteSchema } from "@bifrost/shared/domain/route";
import type { BackendSource, BackendTable } from "@bifrost/shared/ports/backend-source";
import * as v from "valibot";
import { expect, test } from "vitest";
import { joinBackends } from "./join-backends.ts";
import { chooseBackends, findSite } from "./match.ts";
import { emptyServingTable, hostsOf, previewsOf, settle } from "./route-table.ts";

const POLICIES = { platform: [], ofProject: () => [], chainOf: () => null };
const SITE = {
  projectId: "project",
  ready: [],
  files: { manifest: "sites/project/new/manifest.json", probeToken: "token" },
};
const APP = { projectId: "project", ready: [{ address: "10.0.0.1:80", replica: "r" }] };
const CHOICE = {
  source: { ip: "192.0.2.1", header: () => undefined },
  wanted: null,
  newVisitorId: () => "v",
};

function tableOf(backends: BackendTable, live: string, former: string) {
  const route: Route = v.parse(RouteSchema, { host: "shop.test", projectId: "project" });
  const routes = {
    ...EMPTY_ROUTE_TABLE,
    routes: new Map([["shop.test", route]]),
    live: new Map([["project", live]]),
    former: new Map([["project", former]]),
  };
  return {
    ...settle(emptyServingTable("test"), routes, backends),
    hosts: hostsOf(routes, "test", POLICIES),
    previews: previewsOf(backends, "test", POLICIES),
  };
}

function answerOf(table: ReturnType<typeof tableOf>, host: string) {
  const site = findSite(table, host, "/");
  if (site.kind !== "site") return site.kind;
  const chosen = chooseBackends(table, site, CHOICE);
  return chosen.kind === "files" || chosen.kind === "backends" ? chosen.deploymentId : chosen.kind;
}

test("a site takes over from an app and gives way to one, and is reached under its own name", () => {
  const both = new Map([
    ["new", SITE],
    ["old", APP],
  ]);
  expect(answerOf(tableOf(both, "new", "old"), "shop.test")).toBe("new");
  expect(answerOf(tableOf(both, "old", "new"), "shop.test")).toBe("old");
  expect(answerOf(tableOf(new Map([["new", SITE]]), "old", "new"), "shop.test")).toBe("new");
  expect(answerOf(tableOf(both, "old", "new"), "new.test")).toBe("new");
});

test("only the host of the deployment itself lets probes past policies", () => {
  const table = tableOf(new Map([["new", SITE]]), "new", "new");
  expect(findSite(table, "new.test", "/")).toMatchObject({ probeToken: "token" });
  expect(findSite(table, "shop.test", "/")).toMatchObject({ probeToken: null });
});

test("joined sources tell nothing until all have spoken, then the newest of each", () => {
  const listeners: ((table: BackendTable) => void)[] = [];
  const stopped: number[] = [];
  const source = (number: number): BackendSource => ({
    watch(listener) {
      listeners.push(listener);
      return () => stopped.push(number);
    },
  });
  const told: string[][] = [];
  const stop = joinBackends(source(1), source(2)).watch((table) => told.push([...table.keys()]));
  listeners[0]?.(new Map([["a", APP]]));
  expect(told).toEqual([]);
  listeners[1]?.(new Map([["s", SITE]]));
  listeners[0]?.(new Map());
  expect(told).toEqual([["a", "s"], ["s"]]);
  stop();
  expect(stopped).toEqual([1, 2]);
});
