import { expect, test } from "vitest";
import { replicaOf } from "@bifrost/shared/domain/telemetry";
import type { BackendTable } from "@bifrost/shared/ports/backend-source";
import { sampleLine } from "../testing/sample-line.ts";
import { virtualTimers } from "../testing/virtual-timers.ts";
import { avoidedAddresses, heardKey } from "./avoided.ts";
import { HealthFeed } from "./health-feed.ts";

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
  return [...avoidedAddresses(new Map([[heardKey(deployment, line.pod), heard]]), BACKENDS, now)];
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

test("the data planes are told when the set changes and only then", async () => {
  const timers = virtualTimers(NOW);
  const told: (readonly string[])[] = [];
  const feed = new HealthFeed(timers, (addresses) => told.push([...addresses]));
  const say = (changes: Changes): void => {
    const line = sampleLine({ deployment: ID, ...changes });
    feed.take([{ deploymentId: ID, line, replica: replicaOf(line, timers.now()) }]);
  };
  say(ILL);
  expect(told).toEqual([]);
  feed.setBackends(BACKENDS);
  say(ILL);
  expect(told).toEqual([["10.0.0.1:80"]]);
  say({ healthy: true, passes: 1 });
  expect(told).toEqual([["10.0.0.1:80"], []]);
  say({ ...ILL, pod: "pod-2" });
  await timers.advance(600_000);
  expect(told.slice(2)).toEqual([["10.0.0.2:80"], []]);
  feed.stop();
});
