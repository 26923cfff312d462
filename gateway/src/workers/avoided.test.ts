import { expect, test } from "vitest";
import { replicaOf } from "@bifrost/shared/domain/telemetry";
import type { BackendTable } from "@bifrost/shared/ports/backend-source";
import { testMember } from "../testing/cluster-parts.ts";
import { sampleLine } from "../testing/sample-line.ts";
import { virtualTimers } from "../testing/virtual-timers.ts";
import { avoidedAddresses, distantAddresses, heardKey, type HeardOf } from "./avoided.ts";
import { HealthFeed, type HealthFeedOptions } from "./health-feed.ts";

const ID = "abcdefghij";
const NOW = 1_000_000;
const BACKENDS: BackendTable = new Map([
  [
    ID,
    {
      projectId: "p",
      ready: [
        { address: "10.0.0.1:80", replica: "pod-1" },
        { address: "10.0.0.2:80", replica: "pod-2" },
        { address: "10.0.0.3:80", replica: "" },
      ],
    },
  ],
]);

type Changes = Parameters<typeof sampleLine>[0];
const ILL = { healthy: false, fails: 2 };

function avoidedWith(changes: Changes, deployment = ID, now = NOW): readonly string[] {
  const line = sampleLine({ deployment, ...changes });
  const heard = { replica: replicaOf(line, NOW), fails: line.fails };
  return [
    ...avoidedAddresses(
      { heard: new Map([[heardKey(deployment, line.pod), heard]]), lost: new Map() },
      BACKENDS,
      now,
    ),
  ];
}

test.each<[string, Changes, readonly string[]]>([
  ["one that fails again and again is avoided", ILL, ["10.0.0.1:80"]],
  ["one that fails once is not", { ...ILL, fails: 1 }, []],
  ["one that passes is not", { healthy: true }, []],
  ["one that was never healthy is still starting", { ...ILL, proven: false }, []],
  ["a pod without a ready address changes nothing", { ...ILL, pod: "pod-9" }, []],
])("%s", (_what, changes, expected) => {
  expect(avoidedWith(changes)).toEqual(expected);
});

test("a pod of the same name in another deployment is another one", () => {
  expect(avoidedWith(ILL, "other")).toEqual([]);
});

test("who fell silent is not avoided any more", () => {
  const { expireAt } = replicaOf(sampleLine(), NOW);
  expect(avoidedWith(ILL, ID, expireAt - 1)).toHaveLength(1);
  expect(avoidedWith(ILL, ID, expireAt)).toEqual([]);
});

const HOSTED: BackendTable = new Map([
  [
    ID,
    {
      projectId: "p",
      ready: [
        { address: "10.0.0.1:80", replica: "pod-1", host: "x", region: "here" },
        { address: "10.0.0.2:80", replica: "pod-2", host: "y", region: "there" },
        { address: "10.0.0.3:80", replica: "pod-3" },
      ],
    },
  ],
]);

test.each<[string, Changes | null, number, readonly string[]]>([
  ["is avoided", null, NOW, ["10.0.0.1:80"]],
  ["is avoided whatever its sidecar said before", { healthy: true }, NOW, ["10.0.0.1:80"]],
  ["is not when its sidecar says since that it is well", { healthy: true }, NOW - 1, []],
  ["is when its sidecar says since that it is ill", { healthy: false }, NOW - 1, ["10.0.0.1:80"]],
])("a replica on a lost host %s", (_, changes, since, expected) => {
  const heard = new Map<string, HeardOf>();
  if (changes !== null) {
    const line = sampleLine({ deployment: ID, ...changes });
    heard.set(heardKey(ID, line.pod), { replica: replicaOf(line, NOW), fails: line.fails });
  }
  const lost = new Map([["x", since]]);
  expect([...avoidedAddresses({ heard, lost }, HOSTED, NOW)]).toEqual(expected);
});

test.each([
  ["here", ["10.0.0.2:80"]],
  ["there", ["10.0.0.1:80"]],
  ["elsewhere", ["10.0.0.1:80", "10.0.0.2:80"]],
  ["", []],
])("seen from region %j, replicas of other known regions are distant", (region, expected) => {
  expect([...distantAddresses(region, HOSTED)]).toEqual(expected);
});

function feedRig(region = "") {
  const timers = virtualTimers(NOW);
  const told: unknown[] = [];
  const tell: HealthFeedOptions["tell"] = (update) =>
    told.push(
      ...Object.entries(update).map(([name, addresses]) => [name, ...(addresses ?? [])].join(" ")),
    );
  const feed = new HealthFeed({ timers, region, tell });
  const say = (changes: Changes): void => {
    const line = sampleLine({ deployment: ID, ...changes });
    feed.take([{ deploymentId: ID, line, replica: replicaOf(line, timers.now()) }]);
  };
  return { timers, told, feed, say };
}

test("the data planes are told when the set changes and only then", async () => {
  const { timers, told, feed, say } = feedRig();
  say(ILL);
  expect(told).toEqual([]);
  feed.setBackends(BACKENDS);
  say(ILL);
  expect(told).toEqual(["avoided 10.0.0.1:80"]);
  say({ healthy: true, passes: 1 });
  expect(told.slice(1)).toEqual(["avoided"]);
  say({ ...ILL, pod: "pod-2" });
  await timers.advance(600_000);
  expect(told.slice(2)).toEqual(["avoided 10.0.0.2:80", "avoided"]);
  feed.stop();
});

test("they are told of distant replicas with the backends, and of lost hosts with the members", async () => {
  const { timers, told, feed } = feedRig("here");
  feed.setBackends(HOSTED);
  feed.setBackends(new Map(HOSTED));
  expect(told).toEqual(["distant 10.0.0.2:80"]);
  const others = ["own", "z"].map((host) => testMember(host, { meta: { host } }));
  const x = testMember("x", { meta: { host: "x" } });
  feed.setMembers([...others, x]);
  expect(told).toHaveLength(1);
  feed.setMembers([...others, { ...x, state: "suspect", evidence: "unreachable", since: NOW }]);
  expect(told.slice(1)).toEqual(["avoided 10.0.0.1:80"]);
  feed.setMembers([...others, x]);
  expect(told.slice(2)).toEqual(["avoided"]);
  feed.setMembers([...others, { ...x, state: "dead", evidence: "unreachable", since: NOW }]);
  await timers.advance(301_000);
  expect(told.slice(3)).toEqual(["avoided 10.0.0.1:80", "avoided"]);
  feed.stop();
});
